/**
 * Zero-concentrated differential privacy: R(a) <= rho a for every a > 1. Bun, Steinke 2016; the conversion is that of
 * Canonne, Kamath, Steinke 2020, corollary 13, with the order not taken from a list but the best there is.
 */
import { leastEnough } from './bisection.ts';

/** rho + 2 sqrt(rho ln(1/delta)): Bun, Steinke 2016, proposition 1.3. Simple, and not the best. */
export function epsilonOfZcdpSimple(rho: number, delta: number): number {
  return rho + 2 * Math.sqrt(-rho * Math.log(delta));
}

/** min over a of e^((a-1)(a rho - epsilon) + a ln(1 - 1/a)) / (a - 1), at most 1. The exponent is convex in a. */
export function deltaOfZcdp(rho: number, epsilon: number): number {
  if (rho === 0) return 0;
  // The derivative of the logarithm: (2a - 1) rho - epsilon + ln(1 - 1/a).
  const past = leastEnough((x) => (2 * x + 1) * rho - epsilon + Math.log(x / (x + 1)) >= 0);
  const a = 1 + past;
  return Math.min(1, Math.exp(past * (a * rho - epsilon) + a * Math.log(past / a)) / past);
}

/** The least epsilon of rho at `delta`, in (0, 1), rounded up. */
export function epsilonOfZcdp(rho: number, delta: number): number {
  if (deltaOfZcdp(rho, 0) <= delta) return 0;
  return leastEnough((epsilon) => deltaOfZcdp(rho, epsilon) <= delta, 1, 1e-13);
}

/** The largest rho that gives (epsilon, delta), rounded down. */
export function rhoOfEpsilon(epsilon: number, delta: number): number {
  return 1 / leastEnough((inverse) => deltaOfZcdp(1 / inverse, epsilon) <= delta, 1, 1e-13);
}
