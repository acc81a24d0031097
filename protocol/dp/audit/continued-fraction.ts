/**
 * Continued fractions, from the front on, by the method of Lentz as Thompson and Barnett changed it (Journal of Computational
 * Physics 64, 1986): a denominator of zero is taken for a tiny one.
 */

const TINY = 1e-300;
const PRECISION = 1e-15;

/**
 * 1 / (first + a1 / (b1 + a2 / (b2 + ...))), until a term changes it by less than 1e-15 of it.
 * @param termOf a_n and b_n, n = 1, 2, ...; the fraction converges
 */
export function continuedFraction(
  first: number,
  termOf: (n: number) => readonly [a: number, b: number],
): number {
  let c = 1 / TINY;
  let d = 1 / nonZero(first);
  let value = d;
  for (let n = 1; ; n += 1) {
    const [a, b] = termOf(n);
    d = 1 / nonZero(b + a * d);
    c = nonZero(b + a / c);
    value *= c * d;
    if (Math.abs(c * d - 1) < PRECISION) return value;
  }
}

function nonZero(x: number): number {
  return Math.abs(x) < TINY ? TINY : x;
}
