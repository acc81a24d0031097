/**
 * An epsilon as entries of the log have it: the next multiple of 1e-6, since platforms differ in the last digits of a logarithm,
 * which then comes to one multiple more or less at most. SPEC.md 13.12. Pure.
 */

const STEP = 1e-6;
/** Beyond this, an epsilon tells nothing. */
const EPSILON_MAX = 1e9;

/** The next multiple of 1e-6, at most 1e9; also of what is infinite. @param epsilon not negative */
export function loggedEpsilon(epsilon: number): number {
  return epsilon < EPSILON_MAX ? Math.ceil(epsilon / STEP) / Math.round(1 / STEP) : EPSILON_MAX;
}

/** Whether an entry has this epsilon, or the multiple before or after it. @param logged attacker-controlled */
export function isLoggedEpsilon(logged: number, epsilon: number): boolean {
  return Math.abs(logged - loggedEpsilon(epsilon)) <= 1.5 * STEP;
}
