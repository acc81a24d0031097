/**
 * An epsilon as entries of the log have it: the next multiple of 1e-6, since platforms differ in the last digits of a logarithm.
 * SPEC.md 13.12.
 */

/** Of an epsilon in the log: so small that nobody minds, and so large that no platform computes another one. */
const STEP = 1e-6;
/** Beyond this, an epsilon tells nothing. */
const EPSILON_MAX = 1e9;

/** An epsilon as entries have it: the next multiple of 1e-6, at most 1e9. */
export function loggedEpsilon(epsilon: number): number {
  return epsilon < EPSILON_MAX ? Math.ceil(epsilon / STEP) / Math.round(1 / STEP) : EPSILON_MAX;
}

/** Whether an entry has this epsilon, but for what platforms may differ in. @param logged attacker-controlled */
export function isLoggedEpsilon(logged: number, epsilon: number): boolean {
  return Math.abs(logged - loggedEpsilon(epsilon)) <= 1.5 * STEP;
}
