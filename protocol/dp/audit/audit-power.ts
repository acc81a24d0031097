/**
 * What an audit by canaries can see, told before it is made: how many guesses are right where the scores of canaries that
 * are in lie d standard deviations above those of the others, both normal, and which epsilon that refutes.
 */

import { binomialTail } from '../binomial-tail.ts';
import { leastEnough } from '../bisection.ts';
import { erfc } from '../special-functions.ts';
import { epsilonRefuted } from './one-run-bound.ts';

export interface AuditSize {
  /** m. */
  readonly canaries: number;
  /** r <= m. */
  readonly guesses: number;
  readonly delta: number;
  readonly confidence: number;
}

/** The chance with which at least the bound is reached that is called the power. */
const POWER = 0.99;

const SHARES = [0.1, 0.25, 0.5, 0.6, 0.7, 0.8, 0.9, 1];

/**
 * How many guesses to make: those that refute most at this separation, of numbers for which the coins fall so that all may be
 * right, but for one time in a hundred. It follows from what is known before anything is seen, as the bound asks for.
 */
export function bestGuesses(size: Omit<AuditSize, 'guesses'>, separation: number): number {
  const { canaries } = size;
  const isPossible = (guesses: number) =>
    2 * binomialTail(canaries, 0.5, canaries - Math.ceil(guesses / 2) + 1) <= 1 - POWER;
  let [best, most] = [1, -1];
  for (const guesses of SHARES.map((share) => Math.ceil(share * canaries)).filter(isPossible)) {
    const refuted = refutedAtLeast({ ...size, guesses }, separation);
    if (refuted >= most) [best, most] = [guesses, refuted];
  }
  return best;
}

/** The chance that one guess is right, of the r m-ths of the scores that lie farthest out. @param separation d >= 0 */
export function accuracyOf(
  { canaries, guesses }: Pick<AuditSize, 'canaries' | 'guesses'>,
  separation: number,
) {
  const share = guesses / canaries / 2;
  // Above which threshold this share of all scores lies; half of them are in. Symmetric, so the low ones are alike.
  const shareAbove = (x: number) => (above(x) + above(x - separation)) / 2;
  const low = -20;
  const threshold = low + leastEnough((x) => shareAbove(low + x) <= share, 20, 1e-10);
  const inside = above(threshold - separation);
  return inside / (inside + above(threshold));
}

/** The epsilon that is refuted at least, with a probability of 99 %. */
export function refutedAtLeast(size: AuditSize, separation: number): number {
  const accuracy = accuracyOf(size, separation);
  let right = size.guesses;
  while (right > 0 && binomialTail(size.guesses, accuracy, right) < POWER) right -= 1;
  return epsilonRefuted({ ...size, right }, size.delta, size.confidence);
}

/** The chance that a normal variable exceeds x. */
function above(x: number): number {
  return erfc(x / Math.SQRT2) / 2;
}
