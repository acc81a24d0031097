/**
 * An estimate of epsilon from one training, not a bound: Andrew, Kairouz, Oh, Oprea, McMahan, Suriyakumar, ICLR 2024
 * (arXiv:2302.03098), algorithm 2.
 *
 * The cosine of a random direction with a vector that knows nothing of it is all but N(0, 1/d). The cosines of directions that
 * canaries have pushed a model along are taken for another normal law, with their mean and variance, and epsilon is that of
 * telling the two apart at delta. What a cleverer observer could tell, and what chance has added, it does not say.
 */
import { leastEnough } from '../bisection.ts';
import { erfc } from '../special-functions.ts';

export interface Normal {
  readonly mean: number;
  /** > 0. */
  readonly deviation: number;
}

export interface OneShotEstimate {
  readonly epsilon: number;
  readonly canaries: number;
  readonly dimension: number;
  /** Of the cosines. */
  readonly mean: number;
  readonly deviation: number;
}

/**
 * @param cosines   of at least two canaries that were in
 * @param dimension d >= 2, of the space that their directions were drawn from
 * @param delta     in (0, 1)
 */
export function estimateEpsilon(
  cosines: readonly number[],
  dimension: number,
  delta: number,
): OneShotEstimate {
  const canaries = cosines.length;
  if (canaries < 2) throw new RangeError(`${canaries} canaries`);
  const mean = cosines.reduce((sum, cosine) => sum + cosine, 0) / canaries;
  const squares = cosines.reduce((sum, cosine) => sum + (cosine - mean) ** 2, 0);
  const deviation = Math.sqrt(squares / (canaries - 1));
  const unseen = { mean: 0, deviation: 1 / Math.sqrt(dimension) };
  const epsilon =
    deviation > 0 ? epsilonBetween({ mean, deviation }, unseen, delta) : mean === 0 ? 0 : Infinity;
  return { epsilon, canaries, dimension, mean, deviation };
}

/** The least epsilon at which neither law exceeds e^epsilon times the other by more than delta. */
export function epsilonBetween(p: Normal, q: Normal, delta: number): number {
  const isEnough = (epsilon: number) => excess(p, q, epsilon) <= delta && excess(q, p, epsilon) <= delta;
  return isEnough(0) ? 0 : leastEnough(isEnough, 1, 1e-9);
}

/**
 * P[A] - e^epsilon Q[A], A where the density of P exceeds e^epsilon times that of Q: between or beyond the roots of
 *   ln(p/q) - epsilon = a x^2 + b x + c,  x in deviations of Q from its mean.
 */
function excess(p: Normal, q: Normal, epsilon: number): number {
  const mean = (p.mean - q.mean) / q.deviation;
  const deviation = p.deviation / q.deviation;
  const a = (1 - deviation ** -2) / 2;
  const b = mean / deviation ** 2;
  const c = -Math.log(deviation) - mean ** 2 / (2 * deviation ** 2) - epsilon;
  const gain = (low: number, high: number) =>
    within((low - mean) / deviation, (high - mean) / deviation) - weighted(epsilon, low, high);
  if (Math.abs(a) < 1e-12) {
    if (b === 0) return c > 0 ? gain(-Infinity, Infinity) : 0;
    return b > 0 ? gain(-c / b, Infinity) : gain(-Infinity, -c / b);
  }
  const discriminant = b * b - 4 * a * c;
  if (discriminant <= 0) return a > 0 ? gain(-Infinity, Infinity) : 0;
  // The root that loses no digits, and the other from their product.
  const far = -(b + (b < 0 ? -1 : 1) * Math.sqrt(discriminant)) / 2;
  const roots = [far / a, c / far].sort((x, y) => x - y);
  const [low = 0, high = 0] = roots;
  return a > 0 ? gain(-Infinity, low) + gain(high, Infinity) : gain(low, high);
}

/** The chance that a standard normal variable lies in an interval. */
function within(low: number, high: number): number {
  if (low > 0) return within(-high, -low);
  return (erfc(-high / Math.SQRT2) - erfc(-low / Math.SQRT2)) / 2;
}

/** e^epsilon times that chance: 0 where the chance is, however large epsilon. */
function weighted(epsilon: number, low: number, high: number): number {
  const chance = within(low, high);
  return chance === 0 ? 0 : Math.exp(epsilon + Math.log(chance));
}
