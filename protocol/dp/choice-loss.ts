/**
 * Privacy losses of mechanisms that choose one of many, as laws of a dominating pair.
 *
 * Exponential mechanism: all that is used of it is its bounded range (Durfee, Rogers 2019; Dong, Durfee, Rogers 2020,
 * arXiv:1909.13830). Losses t and t - epsilon alone, t in [0, epsilon], are the worst for a given t; the largest delta over
 * all t is, at a loss x in [-epsilon, epsilon], (e^(epsilon/2) - e^(x/2))^2 / (e^epsilon - 1), a trade-off that belongs to one
 * pair, which dominates all of them and so also sums that were chosen adaptively (Zhu, Dong, Wang 2022, theorem 10).
 */
import type { LossLaw } from './privacy-loss.ts';
import { randomizedResponseLoss } from './rdp-choice.ts';

/** Of losses beyond x, P has expm1((x - epsilon)/2) / expm1(-epsilon), and Q e^(-(epsilon + x)/2) as much. */
export function lossOfExponential(epsilon: number): LossLaw {
  return {
    tailsAt(t, into) {
      const size = Math.abs(t);
      const larger = size < epsilon ? Math.expm1((size - epsilon) / 2) / Math.expm1(-epsilon) : 0;
      into[t < 0 ? 1 : 0] = larger;
      into[t < 0 ? 0 : 1] = larger * Math.exp(-(epsilon + size) / 2);
    },
    from: -epsilon,
    to: epsilon,
    atoms: [],
    lostP: 0,
    lostQ: 0,
    isSymmetric: true,
  };
}

/**
 * Of one unit whose value is exchanged: the two values lose as much in either direction, all others nothing.
 * @param p that any of the k values is told, (0, 1]
 */
export function lossOfRandomizedResponse(p: number, k: number): LossLaw {
  const loss = randomizedResponseLoss(p, k);
  const other = p / k;
  return {
    from: 0,
    to: 0,
    atoms: [
      { loss, mass: 1 - p + other },
      { loss: -loss, mass: other },
      { loss: 0, mass: (k - 2) * other },
    ],
    lostP: 0,
    lostQ: 0,
    isSymmetric: true,
  };
}
