/**
 * Delta debugging (Zeller and Hildebrandt, IEEE TSE 2002, section 3): the faults of a schedule that are needed to break
 * a rule. What is left is minimal in that no single one of them can be spared.
 */
import type { FuzzSchedule } from '../../schemas/fuzz-schedule.ts';
import type { Outcome } from './run-schedule.ts';

/**
 * @param rule that must still be broken: another failure is another find
 * @param run tells what becomes of a schedule
 */
export async function shrink(
  schedule: FuzzSchedule,
  rule: string,
  run: (schedule: FuzzSchedule) => Promise<Pick<Outcome, 'violation'>>,
): Promise<FuzzSchedule> {
  const breaks = async (faults: FuzzSchedule['faults']) =>
    (await run({ ...schedule, faults })).violation?.rule === rule;
  let faults = schedule.faults;
  for (let parts = 2; faults.length > 0; ) {
    const length = Math.ceil(faults.length / parts);
    const smaller = await firstThat(breaks, withoutEach(faults, length));
    if (smaller) {
      faults = smaller;
      parts = Math.max(2, parts - 1);
    } else if (length === 1) break;
    else parts = Math.min(faults.length, 2 * parts);
  }
  return { ...schedule, faults };
}

/** The list without each run of so many. */
function* withoutEach<Item>(items: readonly Item[], length: number): Iterable<Item[]> {
  for (let from = 0; from < items.length; from += length)
    yield items.filter((_, index) => index < from || index >= from + length);
}

async function firstThat<Item>(
  holds: (item: Item) => Promise<boolean>,
  items: Iterable<Item>,
): Promise<Item | undefined> {
  for (const item of items) if (await holds(item)) return item;
  return undefined;
}
