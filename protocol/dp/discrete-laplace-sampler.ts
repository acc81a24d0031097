/**
 * Integer noise with P[X = x] proportional to exp(-|x| s/t), exactly. Canonne, Kamath, Steinke 2020 (arXiv:2004.00010),
 * algorithm 2: a geometric number is put together from a remainder modulo t and a whole part, divided by s, and given a
 * sign, of which 0 has one only.
 */
import type { RandomSource } from '../random.ts';
import { ExactRandom } from './exact-random.ts';

/** The decay s/t of the noise, as a fraction of positive integers. */
export interface Decay {
  readonly s: bigint;
  readonly t: bigint;
}

/** Parts of epsilon that are told apart: a 2^20th. */
const EPSILON_STEPS = 2 ** 20;

/**
 * The decay of noise that hides a difference of `sensitivity` with at most `epsilon`.
 * @param epsilon     at least 2^-20, of which a multiple of 2^-20 is used; at most 2^30
 * @param sensitivity an integer, at least 1
 */
export function decayOf(epsilon: number, sensitivity: number): Decay {
  const steps = Math.floor(epsilon * EPSILON_STEPS);
  if (!(steps >= 1 && epsilon <= 2 ** 30)) throw new RangeError(`epsilon ${epsilon}`);
  return { s: BigInt(steps), t: BigInt(sensitivity) * BigInt(EPSILON_STEPS) };
}

/** The decay as the event of an accountant has it. */
export function decayNumber({ s, t }: Decay): number {
  return Number(s) / Number(t);
}

/** The standard deviation: 1 / (sqrt 2 sinh(a/2)). */
export function discreteLaplaceDeviation(decay: Decay): number {
  return Math.SQRT1_2 / Math.sinh(decayNumber(decay) / 2);
}

/** A source of such noise. Its time depends on what it draws. */
export function discreteLaplaceSampler({ s, t }: Decay, random: RandomSource): () => bigint {
  const exact = new ExactRandom(random);
  const magnitude = (): bigint => {
    for (;;) {
      const rest = exact.below(t);
      if (!exact.decayCoin(rest, t)) continue;
      let whole = 0n;
      while (exact.decayCoin(1n, 1n)) whole += 1n;
      return (rest + t * whole) / s;
    }
  };
  return () => {
    for (;;) {
      const size = magnitude();
      const isNegative = exact.below(2n) === 1n;
      if (!(isNegative && size === 0n)) return isNegative ? -size : size;
    }
  };
}
