/**
 * The exact sampler of the discrete Gaussian by Canonne, Kamath and Steinke (NeurIPS 2020), algorithms 1 to 3: no number is
 * rounded and no table is needed, at some ten microseconds a draw. What is fast is tested against it.
 *
 * It takes the longer the more unlucky it is, so that its time tells something of what it drew.
 */
import { RandomNumbers, type RandomSource } from '../random.ts';
import type { Rational } from './fixed-point.ts';

/**
 * Draws of N_Z(0, sigma^2), one a call.
 * @param variance sigma^2, positive
 */
export function exactDiscreteGaussian(variance: Rational, random: RandomSource): () => bigint {
  const { numerator: a, denominator: b } = variance;
  if (a <= 0n || b <= 0n) throw new RangeError('a variance that is not positive');
  const coins = new ExactCoins(new RandomNumbers(random));
  const scale = squareRoot(a / b) + 1n;
  const denominator = 2n * a * b * scale ** 2n;
  return () => {
    for (;;) {
      const candidate = coins.discreteLaplace(scale);
      const magnitude = candidate < 0n ? -candidate : candidate;
      // (|y| - sigma^2/t)^2 / (2 sigma^2)
      if (coins.expMinus((magnitude * b * scale - a) ** 2n, denominator)) return candidate;
    }
  };
}

class ExactCoins {
  readonly #numbers: RandomNumbers;

  constructor(numbers: RandomNumbers) {
    this.#numbers = numbers;
  }

  /** P(k) proportional to exp(-|k| / scale): algorithm 2, of an integer scale. */
  discreteLaplace(scale: bigint): bigint {
    for (;;) {
      const remainder = this.#uniformBelow(scale);
      if (!this.expMinus(remainder, scale)) continue;
      let quotient = 0n;
      while (this.expMinus(1n, 1n)) quotient += 1n;
      const magnitude = remainder + scale * quotient;
      const isNegative = this.#uniformBelow(2n) === 1n;
      if (isNegative && magnitude === 0n) continue; // zero would come twice as often
      return isNegative ? -magnitude : magnitude;
    }
  }

  /** True with probability exp(-numerator / denominator), of at least 0: algorithm 1. */
  expMinus(numerator: bigint, denominator: bigint): boolean {
    const whole = numerator / denominator;
    for (let i = 0n; i < whole; i += 1n) if (!this.#expMinusFraction(1n, 1n)) return false;
    return this.#expMinusFraction(numerator - whole * denominator, denominator);
  }

  /** Of at most 1: the first k at which a coin of numerator / (k denominator) fails is odd. */
  #expMinusFraction(numerator: bigint, denominator: bigint): boolean {
    let k = 1n;
    while (this.#uniformBelow(k * denominator) < numerator) k += 1n;
    return k % 2n === 1n;
  }

  /** By rejection of what is not below. */
  #uniformBelow(bound: bigint): bigint {
    const bits = (bound - 1n).toString(2).length;
    for (;;) {
      let number = 0n;
      for (let drawn = 0; drawn < bits; drawn += 32) {
        const word = this.#numbers.uint32() >>> Math.max(0, drawn + 32 - bits);
        number = (number << BigInt(Math.min(32, bits - drawn))) | BigInt(word);
      }
      if (number < bound) return number;
    }
  }
}

/** The largest integer whose square is not above n (Newton). */
function squareRoot(n: bigint): bigint {
  if (n === 0n) return 0n;
  let root = 1n << BigInt(Math.ceil(n.toString(2).length / 2));
  for (;;) {
    const next = (root + n / root) / 2n;
    if (next >= root) return root;
    root = next;
  }
}
