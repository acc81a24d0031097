/**
 * The natural logarithm by additions, products and quotients alone, whose rounding IEEE 754 fixes. `Math.log` may differ
 * in its last digit from one JavaScript engine to another, and constants of compiled graphs may not.
 *
 *   x = m 2^e, 2/3 <= m < 4/3:  ln x = e ln 2 + 2 artanh z,  z = (m - 1) / (m + 1),  artanh z = z + z^3 / 3 + z^5 / 5 + ...
 */

/** |z| <= 1/5, so the terms fall by 25 each: these many reach the last digit of a float64. */
const TERMS = 14;

/** @param x > 0 and finite */
export function logarithm(x: number): number {
  let mantissa = x;
  let exponent = 0;
  for (; mantissa < 2 / 3; mantissa *= 2) exponent -= 1;
  for (; mantissa >= 4 / 3; mantissa /= 2) exponent += 1;
  const z = (mantissa - 1) / (mantissa + 1);
  let sum = 0;
  for (let term = TERMS; term >= 0; term -= 1) sum = sum * z * z + 1 / (2 * term + 1);
  return exponent * Math.LN2 + 2 * z * sum;
}
