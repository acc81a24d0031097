/**
 * Real numbers as integers of 192 fractional bits, for tables of probabilities whose error is proven and not hoped for.
 */

export const FRACTION_BITS = 192n;
/** The number 1. */
export const ONE = 1n << FRACTION_BITS;
/** The number 2^-192: errors are told in these. */
export const ULP = 2 ** -192;

/** Of the exponential, beside the fraction. */
const GUARD_BITS = 32n;

export interface Rational {
  readonly numerator: bigint;
  /** Positive. */
  readonly denominator: bigint;
}

/** The very number that a double is. @param x finite */
export function rationalOf(x: number): Rational {
  if (!Number.isFinite(x)) throw new RangeError(`${x} is no rational number`);
  let scaled = x;
  let denominator = 1n;
  while (!Number.isInteger(scaled)) {
    scaled *= 2;
    denominator *= 2n;
  }
  return { numerator: BigInt(scaled), denominator };
}

/**
 * exp(-x) for 0 <= x <= 2, as fixed point, at most 1 above and at most 2 below the truth.
 *
 * The series of x^n/n! with 32 bits more. There a power of x/n! is truncated twice and inherits at most 2/n of the error
 * before it and the error of x, so that each of the fewer than 80 terms is off by less than 16; together they are off by less
 * than 2^11 of 2^32, and the last truncation takes less than 1.
 */
export function expMinus({ numerator, denominator }: Rational): bigint {
  if (numerator < 0n || numerator > 2n * denominator) throw new RangeError('exp(-x) of x outside [0, 2]');
  const bits = FRACTION_BITS + GUARD_BITS;
  const x = (numerator << bits) / denominator;
  let term = 1n << bits;
  let sum = term;
  for (let n = 1n; term > 0n; n += 1n) {
    term = ((term * x) >> bits) / n;
    sum += n % 2n === 1n ? -term : term;
  }
  return sum >> GUARD_BITS;
}
