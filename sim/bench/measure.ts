/**
 * Measuring: processor time, medians, and a thing next to what it is compared with.
 *
 * Processor time does not grow when others use the machine, wall time does; so rows give processor time unless their
 * name says otherwise. A value and its baseline are measured in turns, so that a machine which becomes slower or
 * faster meanwhile moves both, and their ratio hardly.
 */

/** Measured numbers, in the order of their repetitions. */
export interface Samples {
  readonly values: readonly number[];
  readonly baselines: readonly number[];
}

/** One repetition: what it measured, or did, `units` times. */
export type Repetition = () => Promise<{ readonly units: number }>;

/** Seconds of processor time that this process spends until the work is done, on all of its threads. */
export async function cpuSeconds(work: () => unknown): Promise<number> {
  const before = process.cpuUsage();
  await work();
  const { user, system } = process.cpuUsage(before);
  return (user + system) / 1e6;
}

/** Milliseconds of processor time a unit: `runs` repetitions of each side in turns, after one of each that is not counted. */
export async function cpuMsInTurns(value: Repetition, baseline: Repetition, runs: number): Promise<Samples> {
  const values: number[] = [];
  const baselines: number[] = [];
  for (let run = 0; run <= runs; run += 1) {
    const [one, other] = [await cpuMsPerUnit(value), await cpuMsPerUnit(baseline)];
    if (run === 0) continue;
    values.push(one);
    baselines.push(other);
  }
  return { values, baselines };
}

async function cpuMsPerUnit(repetition: Repetition): Promise<number> {
  let units = 0;
  const seconds = await cpuSeconds(async () => {
    units = (await repetition()).units;
  });
  return (1000 * seconds) / units;
}

/** Of at least one number; the mean of the two in the middle where their count is even. */
export function median(numbers: readonly number[]): number {
  if (numbers.length === 0) throw new RangeError('the median of nothing');
  const sorted = [...numbers].sort((a, b) => a - b);
  const middle = sorted.length / 2;
  const upper = sorted[Math.floor(middle)] as number;
  return Number.isInteger(middle) ? ((sorted[middle - 1] as number) + upper) / 2 : upper;
}
