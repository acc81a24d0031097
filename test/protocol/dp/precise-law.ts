/**
 * Laws of integer noise to 100 digits, each probability by itself, and how far a table is from them: the slow twin of
 * `cumulative-table.ts`.
 */
import { type CumulativeTable, REST_WORDS, THRESHOLD_BITS } from '../../../protocol/dp/cumulative-table.ts';
import type { Rational } from '../../../protocol/dp/fixed-point.ts';

const BITS = 400n;
const ONE = 1n << BITS;
/** Below it nothing is added. */
const NOTHING = ONE >> 220n;
const SQUARINGS = 16n;

/** exp(-x) for any x >= 0: the series of x / 2^16, squared 16 times. */
function expMinus({ numerator, denominator }: Rational): bigint {
  const x = (numerator << BITS) / (denominator << SQUARINGS);
  let [term, sum] = [ONE, ONE];
  for (let n = 1n; term !== 0n; n += 1n) {
    term = -(term * x) / (n << BITS);
    sum += term;
  }
  for (let i = 0n; i < SQUARINGS; i += 1n) sum = (sum * sum) >> BITS;
  return sum;
}

/** exp(-k^2/(2 sigma^2)) for k = 0, 1, ... */
export function discreteGaussianWeights({ numerator, denominator }: Rational): bigint[] {
  const weights: bigint[] = [];
  for (let k = 0n; weights.at(-1) !== 0n; k += 1n) {
    const weight = expMinus({ numerator: (k * denominator) ** 2n, denominator: 2n * numerator ** 2n });
    weights.push(weight > NOTHING ? weight : 0n);
  }
  return weights;
}

/** I_k(v) for k = 0, 1, ..., v small: the sum over j of (v/2)^(2j+k) / (j! (j+k)!). */
export function besselWeights({ numerator, denominator }: Rational): bigint[] {
  const half = (numerator << BITS) / (2n * denominator);
  const weights: bigint[] = [];
  for (let [k, first] = [0n, ONE]; ; k += 1n, first = (first * half) / (k << BITS)) {
    let [term, sum] = [first, 0n];
    for (let j = 1n; term !== 0n; j += 1n) {
      sum += term;
      term = (((term * half) >> BITS) * half) / ((j * (j + k)) << BITS);
    }
    weights.push(sum);
    if (sum < NOTHING) return weights;
  }
}

/** The thresholds of a table as integers of 127 bits. */
export function thresholdsOf({ leads, rests }: CumulativeTable): bigint[] {
  return Array.from(leads, (lead, m) =>
    rests
      .subarray(REST_WORDS * m, REST_WORDS * (m + 1))
      .reduce((sum, word) => (sum << 32n) | BigInt(word), BigInt(lead)),
  );
}

/** In total variation. @param weights of 0, 1, ... */
export function distanceOf(table: CumulativeTable, weights: readonly bigint[]): number {
  const total = weights.reduce((sum, weight, k) => sum + (k === 0 ? weight : 2n * weight), 0n);
  const thresholds = thresholdsOf(table);
  let apart = 0n;
  for (let k = 0; k < Math.max(weights.length, thresholds.length); k += 1) {
    const exact = ((weights[k] ?? 0n) * (k === 0 ? 1n : 2n) * ONE) / total;
    const tabled = k < thresholds.length ? (thresholds[k] as bigint) - (thresholds[k - 1] ?? 0n) : 0n;
    const difference = exact - (tabled << (BITS - THRESHOLD_BITS));
    apart += difference < 0n ? -difference : difference;
  }
  return Number(apart >> 1n) * 2 ** -Number(BITS);
}
