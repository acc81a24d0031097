/**
 * How many schedules of the fuzzer a second takes: eight participants, one round, faults as drawn, every invariant
 * looked at after every step.
 *
 * Baseline: the same federations without faults.
 */

import { HanseError } from '../../../protocol/problem.ts';
import type { FuzzSchedule } from '../../../schemas/fuzz-schedule.ts';
import { drawSchedule } from '../../fuzz/draw-schedule.ts';
import { runSchedule } from '../../fuzz/run-schedule.ts';
import type { RowDefinition } from '../row.ts';

const SIZE = { participants: 8, rounds: 1 };
/** Seeds of one repetition. */
const SEEDS = 200;
const REPETITIONS = 5;

export const fuzzSeedsPerSecond: RowDefinition = {
  name: 'fuzz/seeds-per-second',
  unit: '1/s',
  what: 'schedules of 8 participants and one round, wall; baseline: the same without faults',
  asked: [{ of: 'value', atLeast: 100 }],
  async measure({ progress, signal }) {
    const values: number[] = [];
    const baselines: number[] = [];
    await rate(0, (schedule) => schedule); // not counted: the code becomes fast
    for (let repetition = 1; repetition <= REPETITIONS && !signal.aborted; repetition += 1) {
      values.push(await rate(repetition, (schedule) => schedule));
      baselines.push(await rate(repetition, (schedule) => ({ ...schedule, faults: [] })));
      progress(`repetition ${repetition} of ${REPETITIONS}`);
    }
    return { values, baselines };
  },
};

/** Schedules a second. @throws checkFailed if one breaks a rule: it is then no measurement */
async function rate(repetition: number, change: (schedule: FuzzSchedule) => FuzzSchedule): Promise<number> {
  const started = performance.now();
  for (let seed = repetition * SEEDS; seed < (repetition + 1) * SEEDS; seed += 1) {
    const { violation } = await runSchedule(change(drawSchedule(seed, SIZE)));
    if (violation) throw new HanseError('checkFailed', { check: `seed ${seed}`, reason: violation.message });
  }
  return (1000 * SEEDS) / (performance.now() - started);
}
