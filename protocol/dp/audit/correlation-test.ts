/**
 * Whether noise was drawn anew: sums of different rounds, or updates of different participants, are independent where they
 * hold nothing but noise. SPEC.md 12.8.
 *
 * Two tests, each exact for Gaussian noise of any variance, so that noise of the wrong size alarms neither:
 * - a part that is in all of them, as of a node whose stream begins anew in each round: the variance of the mean against
 *   that of what is left, by the law of Fisher and Snedecor (analysis of variance with one factor);
 * - two that resemble each other: the largest cosine, by the beta law, times the number of pairs.
 */
import { cosineTail, fisherQuantile, fisherTail } from './incomplete-beta.ts';

export interface CorrelationTest {
  readonly verdict: 'independent' | 'repeated';
  readonly vectors: number;
  readonly dimension: number;
  /** Share of the variance that all vectors have in common, estimated; may be negative. */
  readonly commonShare: number;
  /** Chance that independent noise has so much in common. */
  readonly common: number;
  /** The two that are most alike or opposite, by their places. */
  readonly pair: { readonly first: number; readonly second: number; readonly cosine: number };
  /** At least the chance that any two of them are so. */
  readonly alike: number;
  readonly falseAlarm: number;
  /** A common share from which on the alarm is missed less than once in a hundred times. */
  readonly noticesShare: number;
}

const MISSED = 0.01;

/**
 * @param vectors    at least two, of one length >= 3
 * @param falseAlarm in (0, 1), for both tests together
 */
export function testCorrelation(vectors: readonly ArrayLike<number>[], falseAlarm: number): CorrelationTest {
  const count = vectors.length;
  const dimension = vectors[0]?.length ?? 0;
  if (count < 2 || dimension < 3) throw new RangeError(`${count} vectors of ${dimension}`);
  const norms = vectors.map((vector) => Math.sqrt(product(vector, vector)));
  const pair = { first: 0, second: 1, cosine: 0 };
  for (let second = 1; second < count; second += 1)
    for (let first = 0; first < second; first += 1) {
      const dot = product(at(vectors, first), at(vectors, second));
      const cosine = dot / Math.max(Number.MIN_VALUE, (norms[first] as number) * (norms[second] as number));
      if (Math.abs(cosine) > Math.abs(pair.cosine)) Object.assign(pair, { first, second, cosine });
    }
  const pairs = (count * (count - 1)) / 2;
  const alike = Math.min(1, 2 * pairs * cosineTail(Math.abs(pair.cosine), dimension));

  const mean = meanOf(vectors, dimension);
  const between = count * product(mean, mean);
  const within = norms.reduce((sum, norm) => sum + norm * norm, 0) - between;
  const below = dimension * (count - 1);
  // Where every vector is the same nothing is left within, but for rounding.
  const ratio = between === 0 ? 0 : between / dimension / Math.max(0, within / below);
  const common = fisherTail(ratio, dimension, below);
  const side = falseAlarm / 2;
  const noticed = fisherQuantile(side, dimension, below) / fisherQuantile(1 - MISSED, dimension, below);
  return {
    verdict: common < side || alike < side ? 'repeated' : 'independent',
    ...{ vectors: count, dimension, commonShare: shareOf(ratio, count), common, pair, alike, falseAlarm },
    noticesShare: shareOf(noticed, count),
  };
}

/** With a share s in common the ratio of the variances is (1 - s + n s) / (1 - s). */
function shareOf(ratio: number, count: number): number {
  return ratio === Infinity ? 1 : (ratio - 1) / (ratio - 1 + count);
}

function meanOf(vectors: readonly ArrayLike<number>[], dimension: number): Float64Array {
  const mean = new Float64Array(dimension);
  for (const vector of vectors) {
    if (vector.length !== dimension) throw new RangeError(`vectors of ${dimension} and ${vector.length}`);
    for (let i = 0; i < dimension; i += 1)
      mean[i] = (mean[i] as number) + (vector[i] as number) / vectors.length;
  }
  return mean;
}

function product(a: ArrayLike<number>, b: ArrayLike<number>): number {
  let sum = 0;
  for (let i = 0; i < a.length; i += 1) sum += (a[i] as number) * (b[i] as number);
  return sum;
}

function at<Vector>(vectors: readonly Vector[], index: number): Vector {
  return vectors[index] as Vector;
}
