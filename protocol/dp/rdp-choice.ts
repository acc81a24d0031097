/**
 * Renyi divergences of mechanisms that choose one of many. Exponential mechanism: all that is used of it is its bounded
 * range (Durfee, Rogers 2019; Dong, Durfee, Rogers 2020, arXiv:1909.13830): losses lie between t - epsilon and t for a t in
 * [0, epsilon]. Two losses, t and t - epsilon, are then the worst, by convexity, and the worst t has a closed form.
 * Randomised response: the sum over its values. Orders a > 1.
 */
import { logSumExp } from './log-space.ts';

/**
 * With s = e^t the moment is s^(a-1) (A - B s), A = (1 - e^-ae) / (1 - e^-e), B = e^-e (1 - e^-(a-1)e) / (1 - e^-e), and
 * largest at s = (a-1) A / (a B): ln s + ln(A / a) / (a-1). At most a e^2 / 8 (Cesar, Rogers 2021, arXiv:2004.07223, lemma
 * 3.4), which is taken where both are near and the difference would lose its digits.
 */
export function rdpOfExponential(epsilon: number, a: number): number {
  const limit = (a * epsilon * epsilon) / 8;
  if (a * epsilon < 0.05) return limit;
  const all = Math.log(-Math.expm1(-a * epsilon));
  const worst = epsilon + Math.log((a - 1) / a) + all - Math.log(-Math.expm1(-(a - 1) * epsilon));
  const moment = worst + (all - Math.log(-Math.expm1(-epsilon)) - Math.log(a)) / (a - 1);
  return Math.min(limit, Math.max(0, moment));
}

/**
 * Two units that differ in one value.
 * @param p that any of the k values is told, (0, 1]
 */
export function rdpOfRandomizedResponse(p: number, k: number, a: number): number {
  const other = Math.log(p / k);
  const loss = randomizedResponseLoss(p, k);
  // The own value has e^loss times the mass of each other one.
  const terms = [other + a * loss, other + (1 - a) * loss];
  if (k > 2) terms.push(other + Math.log(k - 2));
  return Math.max(0, logSumExp(terms)) / (a - 1);
}

/** ln of how much likelier the own value is than any other one. */
export function randomizedResponseLoss(p: number, k: number): number {
  return Math.log1p(((1 - p) / p) * k);
}
