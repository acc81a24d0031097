/**
 * The error function, erf(x) = 2 / sqrt(pi) * integral of exp(-t^2) from 0 to x, to the precision of float64.
 * Abramowitz and Stegun, Handbook of Mathematical Functions (1964):
 *
 *   7.1.6   erf x = 2 / sqrt(pi) exp(-x^2) sum_n 2^n x^(2n+1) / (1 3 5 ... (2n+1))             for small x
 *   7.1.14  sqrt(pi) exp(x^2) erfc x = 1 / (x + (1/2) / (x + 1 / (x + (3/2) / (x + ...))))     for large x
 *
 * All terms of the series are positive, so nothing cancels. The continued fraction is evaluated from a fixed depth
 * outwards; it is only needed to the precision that 1 - erfc leaves of it.
 */
const SERIES_BELOW = 2.5;
/** exp(-36) / 6 is less than half the distance from 1 to the number before it. */
const ONE_FROM = 6;
const FRACTION_DEPTH = 60;

export function erf(x: number): number {
  const size = Math.abs(x);
  if (Number.isNaN(x)) return x;
  if (size >= ONE_FROM) return Math.sign(x);
  return size < SERIES_BELOW ? series(x) : Math.sign(x) * (1 - complement(size));
}

function series(x: number): number {
  const square = x * x;
  let term = x;
  let sum = x;
  for (let n = 1; Math.abs(term) > Number.EPSILON * 0.01 * Math.abs(sum); n += 1) {
    term *= (2 * square) / (2 * n + 1);
    sum += term;
  }
  return (2 / Math.sqrt(Math.PI)) * Math.exp(-square) * sum;
}

function complement(x: number): number {
  let fraction = x;
  for (let n = FRACTION_DEPTH; n >= 1; n -= 1) fraction = x + n / 2 / fraction;
  return Math.exp(-x * x) / (Math.sqrt(Math.PI) * fraction);
}
