/**
 * The exact trade-off of one Gaussian mechanism: Balle, Wang 2018 (arXiv:1805.06530), theorem 8, with z the standard
 * deviation over the L2 sensitivity,
 *   delta(epsilon) = Phi(1/(2z) - epsilon z) - e^epsilon Phi(-1/(2z) - epsilon z).
 * T such mechanisms are one of noise z / sqrt T. It holds for every neighbouring relation that has this sensitivity.
 */
import { leastEnough } from './bisection.ts';
import { erfc, erfcx } from './special-functions.ts';

/** @param epsilon at least 0 */
export function deltaOfGaussian(z: number, epsilon: number): number {
  const near = (epsilon * z - 0.5 / z) / Math.SQRT2;
  const far = (epsilon * z + 0.5 / z) / Math.SQRT2;
  // e^epsilon erfc(far) = e^(-near^2) erfcx(far), for far^2 - near^2 = epsilon.
  if (near < 1) return Math.max(0, (erfc(near) - Math.exp(-near * near) * erfcx(far)) / 2);
  return (Math.exp(-near * near) * (erfcx(near) - erfcx(far))) / 2;
}

/** The least epsilon of noise z at `delta`, in (0, 1), rounded up. */
export function epsilonOfGaussian(z: number, delta: number): number {
  if (deltaOfGaussian(z, 0) <= delta) return 0;
  return leastEnough((epsilon) => deltaOfGaussian(z, epsilon) <= delta);
}

/** The least noise that gives (epsilon, delta), as a multiple of the sensitivity, rounded up. */
export function noiseOfGaussian(epsilon: number, delta: number): number {
  return leastEnough((z) => deltaOfGaussian(z, epsilon) <= delta);
}
