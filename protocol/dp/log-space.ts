/**
 * Sums and differences of numbers of which only the logarithms fit.
 */

/** ln sum exp(x_i); -Infinity for none. */
export function logSumExp(values: readonly number[]): number {
  let largest = -Infinity;
  for (const value of values) if (value > largest) largest = value;
  if (!Number.isFinite(largest)) return largest;
  let sum = 0;
  for (const value of values) sum += Math.exp(value - largest);
  return largest + Math.log(sum);
}

/** ln(exp(x) - 1), x >= 0. */
export function logExpm1(x: number): number {
  return x < 30 ? Math.log(Math.expm1(x)) : x + Math.log1p(-Math.exp(-x));
}

/** ln(1 + exp(x)). */
export function log1pExp(x: number): number {
  return x > 0 ? x + Math.log1p(Math.exp(-x)) : Math.log1p(Math.exp(x));
}
