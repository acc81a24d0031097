/**
 * Seeded arrays for tests.
 */
import type { NdArray } from '../../../client/graph/reference/nd-array.ts';
import { elementCount } from '../../../client/graph/tensor-type.ts';
import { RandomNumbers, seededRandom } from '../../../protocol/random.ts';

/** Numbers that are the same in every run of a test with this seed. */
export function numbers(seed: number): RandomNumbers {
  return new RandomNumbers(seededRandom(new Uint8Array(32).fill(seed)));
}

/** Uniform in [from, to), rounded to float32 so that both precisions see the same values. */
export function uniform(random: RandomNumbers, shape: readonly number[], from: number, to: number): NdArray {
  const data = Float64Array.from({ length: elementCount(shape) }, () =>
    Math.fround(from + (to - from) * random.unit()),
  );
  return { shape, data };
}

/** Integers uniform in [0, bound). */
export function labels(
  random: RandomNumbers,
  count: number,
  bound: number,
): { shape: number[]; data: Int32Array } {
  return { shape: [count], data: Int32Array.from({ length: count }, () => random.below(bound)) };
}

/** The largest |a - b| / max(1, |b|). */
export function worstDifference(a: ArrayLike<number>, b: ArrayLike<number>): number {
  let worst = a.length === b.length ? 0 : Number.POSITIVE_INFINITY;
  for (let index = 0; index < b.length; index += 1) {
    const [left, right] = [a[index] ?? Number.NaN, b[index] ?? Number.NaN];
    const difference = Math.abs(left - right) / Math.max(1, Math.abs(right));
    // NaN counts as the worst there is.
    worst = difference <= worst ? worst : Number.isNaN(difference) ? Number.POSITIVE_INFINITY : difference;
  }
  return worst;
}
