/**
 * Epsilon of sums with integer noise of which participants draw parts, in which each takes part with probability q: by
 * ours, and by the looser bound that the peer takes which has made the reference cases.
 */

import { logSumExp } from '../../../protocol/dp/log-space.ts';
import { epsilonOfCurve } from '../../../protocol/dp/rdp-curve.ts';
import { type Divergence, rdpOfSampledShares } from '../../../protocol/dp/rdp-distributed.ts';
import { logBinomial } from '../../../protocol/dp/special-functions.ts';

/** Those of the peer. */
const ORDERS: readonly number[] = [...Array.from({ length: 127 }, (_, at) => at + 2), 256];

/** @param ofOne the divergence of one sampled sum */
export function epsilonOfSampledShares(
  divergence: Divergence,
  q: number,
  steps: number,
  delta: number,
  ofOne: typeof rdpOfSampledShares = rdpOfSampledShares,
): number {
  const divergences = ORDERS.map((a) => steps * ofOne(divergence, q, a));
  return epsilonOfCurve({ orders: ORDERS, divergences, delta: 0 }, delta);
}

/** In place of `rdpOfSampledShares`. */
export function rdpOfAnySample(divergence: Divergence, q: number, a: number): number {
  if (q === 1) return divergence(a);
  return logMomentOfAnyPoisson((j) => (j - 1) * divergence(j), q, a) / (a - 1);
}

/**
 * ln of the moment a of a Poisson sample of a mechanism of any kind, not only symmetric noise: Zhu, Wang 2019, theorem 6,
 *   A(a) <= (1-q)^(a-1) (a q - q + 1) + binom(a,2) q^2 (1-q)^(a-2) e^m(2)
 *           + 3 sum_(j=3..a) binom(a,j) (1-q)^(a-j) q^j e^m(j).
 * @param logMoment ln of the moment j of the whole
 */
function logMomentOfAnyPoisson(logMoment: (j: number) => number, q: number, a: number): number {
  const terms = [(a - 1) * Math.log1p(-q) + Math.log1p((a - 1) * q)];
  for (let j = 2; j <= a; j += 1)
    terms.push(
      Math.log(j === 2 ? 1 : 3) +
        logBinomial(a, j) +
        (a - j) * Math.log1p(-q) +
        j * Math.log(q) +
        logMoment(j),
    );
  return logSumExp(terms);
}
