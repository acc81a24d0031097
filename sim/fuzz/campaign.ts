/**
 * Many seeds, one after the other; a schedule that breaks a rule is shrunk to the faults that it takes.
 */
import type { FuzzSchedule } from '../../schemas/fuzz-schedule.ts';
import { drawSchedule, type FuzzSize } from './draw-schedule.ts';
import { type Outcome, runSchedule, type Wrappers } from './run-schedule.ts';
import { shrink } from './shrink.ts';

export interface CampaignOptions extends FuzzSize {
  /** The first seed. */
  readonly from: number;
  readonly seeds: number;
  readonly signal: AbortSignal;
  /** For tests that plant a mistake. */
  readonly wrappers?: Wrappers;
  /** Called after each seed. */
  onSeed?(done: number, finds: number): void;
  /** Called with each find, as soon as it is shrunk; returning true ends the campaign. */
  onFind?(find: Find): boolean;
}

export interface Find {
  readonly seed: number;
  readonly violation: NonNullable<Outcome['violation']>;
  /** The least that breaks the same rule. */
  readonly schedule: FuzzSchedule;
}

export interface CampaignResult {
  /** Seeds that were run; fewer than asked for if it was ended early. */
  readonly seeds: number;
  readonly finds: readonly Find[];
  /** Sums over all seeds. */
  readonly steps: number;
  readonly faults: number;
  readonly receipts: number;
  readonly released: number;
  readonly aborted: number;
  /** How often each fault happened, by the phase of the job: of `Outcome`. */
  readonly happened: Readonly<Record<string, number>>;
}

export async function runCampaign(options: CampaignOptions): Promise<CampaignResult> {
  const { from, seeds, signal, wrappers, ...size } = options;
  const sums = { seeds: 0, steps: 0, faults: 0, receipts: 0, released: 0, aborted: 0 };
  const happened = new Map<string, number>();
  const finds: Find[] = [];
  for (let seed = from; seed < from + seeds && !signal.aborted; seed += 1) {
    const schedule = drawSchedule(seed, size);
    const {
      violation,
      steps,
      receipts,
      released,
      aborted,
      happened: here,
    } = await runSchedule(schedule, wrappers);
    sums.seeds += 1;
    sums.faults += schedule.faults.length;
    sums.steps += steps;
    sums.receipts += receipts;
    sums.released += released;
    sums.aborted += aborted;
    for (const [what, count] of Object.entries(here)) happened.set(what, (happened.get(what) ?? 0) + count);
    if (violation) {
      const smallest = await shrink(schedule, violation.rule, (smaller) => runSchedule(smaller, wrappers));
      finds.push({ seed, violation, schedule: smallest });
      if (options.onFind?.({ seed, violation, schedule: smallest })) break;
    }
    options.onSeed?.(sums.seeds, finds.length);
  }
  const sorted = [...happened].sort(([a], [b]) => (a < b ? -1 : 1));
  return { ...sums, finds, happened: Object.fromEntries(sorted) };
}
