/**
 * The exact sampler of the discrete Gaussian by Canonne, Kamath and Steinke (NeurIPS 2020), algorithm 3 on 1 and 2: no number is
 * rounded and no table is needed, at some ten microseconds a draw. The slow twin of
 * `protocol/dp/discrete-gaussian-sampler.ts`.
 *
 * It takes the longer the more unlucky it is, so that its time tells something of what it drew.
 */

import { discreteLaplaceSampler } from '../../../protocol/dp/discrete-laplace-sampler.ts';
import { ExactRandom } from '../../../protocol/dp/exact-random.ts';
import type { Rational } from '../../../protocol/dp/fixed-point.ts';
import type { RandomSource } from '../../../protocol/random.ts';

/**
 * A source of draws of N_Z(0, sigma^2).
 * @param variance sigma^2, positive
 */
export function exactDiscreteGaussian(variance: Rational, random: RandomSource): () => bigint {
  const { numerator: a, denominator: b } = variance;
  if (a <= 0n || b <= 0n) throw new RangeError('a variance that is not positive');
  const scale = squareRoot(a / b) + 1n;
  const candidates = discreteLaplaceSampler({ s: 1n, t: scale }, random);
  const exact = new ExactRandom(random);
  const denominator = 2n * a * b * scale ** 2n;
  return () => {
    for (;;) {
      const candidate = candidates();
      const magnitude = candidate < 0n ? -candidate : candidate;
      // (|y| - sigma^2/t)^2 / (2 sigma^2)
      if (exact.decayCoin((magnitude * b * scale - a) ** 2n, denominator)) return candidate;
    }
  };
}

/** The largest integer whose square is not above n (Newton). */
function squareRoot(n: bigint): bigint {
  if (n === 0n) return 0n;
  let root = 1n << BigInt(Math.ceil(n.toString(2).length / 2));
  for (;;) {
    const next = (root + n / root) / 2n;
    if (next >= root) return root;
    root = next;
  }
}
