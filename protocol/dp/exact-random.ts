/**
 * Exact random decisions from random bits: integers below a bound, and coins whose probability is a fraction or e to the
 * power of one. Canonne, Kamath, Steinke 2020 (arXiv:2004.00010), algorithm 1. No float takes part.
 */
import { RandomNumbers, type RandomSource } from '../random.ts';

const WORD = 32n;
const SMALL = 1n << WORD;

/** Draws from a source, a block of words at a time. */
export class ExactRandom {
  readonly #words: RandomNumbers;

  constructor(source: RandomSource) {
    this.#words = new RandomNumbers(source);
  }

  /** Uniform in [0, bound), by rejection. `bound` is at least 1. */
  below(bound: bigint): bigint {
    if (bound < 1n) throw new RangeError('nothing is below this bound');
    if (bound <= SMALL) return BigInt(this.#words.below(Number(bound)));
    const bits = (bound - 1n).toString(2).length;
    const words = Math.ceil(bits / 32);
    const spare = BigInt(32 * words - bits);
    for (;;) {
      const digits: string[] = [];
      for (let at = 0; at < words; at += 1) digits.push(this.#words.uint32().toString(16).padStart(8, '0'));
      const drawn = BigInt(`0x${digits.join('')}`) >> spare;
      if (drawn < bound) return drawn;
    }
  }

  /** True with probability numerator / denominator, which is in [0, 1]. */
  coin(numerator: bigint, denominator: bigint): boolean {
    return this.below(denominator) < numerator;
  }

  /** True with probability exp(-numerator / denominator), numerator >= 0. */
  decayCoin(numerator: bigint, denominator: bigint): boolean {
    let rest = numerator;
    for (; rest > denominator; rest -= denominator) if (!this.#decayWithinOne(1n, 1n)) return false;
    return this.#decayWithinOne(rest, denominator);
  }

  /** Runs of coins g/1, g/2, g/3, ... end after an even number of heads with probability e^-g, g in [0, 1]. */
  #decayWithinOne(numerator: bigint, denominator: bigint): boolean {
    let heads = 0n;
    while (this.coin(numerator, denominator * (heads + 1n))) heads += 1n;
    return heads % 2n === 0n;
  }
}
