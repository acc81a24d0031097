/**
 * A lower bound on epsilon from one training: Steinke, Nasr, Jagielski, NeurIPS 2023 (arXiv:2305.08846), theorem 5.2.
 *
 * Each of m canaries is in the data by a fair coin of its own. Whoever sees the outcome guesses r of the coins and is right v
 * times. Of an (epsilon, delta) private training
 *
 *   P[right >= v] <= P[B >= v] + 2 m delta max_{1 <= i <= m} P[v > B >= v - i] / i,   B ~ Binomial(r, 1/(1 + e^-epsilon))
 *
 * whatever the guesses are made from. Where this is less than 1 - confidence the training is not (epsilon, delta) private,
 * nor for any smaller epsilon: so each such epsilon is a bound from below, at this confidence.
 */

import { binomialTail } from '../binomial-tail.ts';
import { leastEnough } from '../bisection.ts';
import { logBinomial } from '../special-functions.ts';

export interface Guesses {
  /** m: canaries. */
  readonly canaries: number;
  /** r <= m: guesses, decided on before anything is seen. */
  readonly guesses: number;
  /** v <= r: those that are right. */
  readonly right: number;
}

/** The chance of so many right guesses of an (epsilon, delta) private training, at most; in [0, 1]. @param epsilon >= 0 */
export function chanceOfGuesses(
  { canaries, guesses, right }: Guesses,
  epsilon: number,
  delta: number,
): number {
  if (!(right >= 0 && right <= guesses && guesses <= canaries))
    throw new RangeError(`${right} of ${guesses}`);
  const accuracy = 1 / (1 + Math.exp(-epsilon));
  const tail = binomialTail(guesses, accuracy, right);
  if (delta === 0) return tail;
  let mass = 0;
  let slope = 0;
  // P[B = right - i], in logarithms: far above the largest mass it is below what a float holds.
  let logMass = logBinomial(guesses, right) - right * Math.log1p(Math.exp(-epsilon));
  logMass += (guesses - right) * -Math.log1p(Math.exp(epsilon));
  for (let i = 1; i <= right; i += 1) {
    const k = right - i + 1;
    logMass += Math.log(k / (guesses - k + 1)) - epsilon;
    mass += Math.exp(logMass);
    slope = Math.max(slope, mass / i);
  }
  return Math.min(1, tail + 2 * canaries * delta * slope);
}

/** The largest epsilon that so many right guesses refute at this confidence, rounded down; 0 where they refute none. */
export function epsilonRefuted(guesses: Guesses, delta: number, confidence: number): number {
  const isRefuted = (epsilon: number) => chanceOfGuesses(guesses, epsilon, delta) < 1 - confidence;
  if (!isRefuted(0)) return 0;
  const possible = leastEnough((epsilon) => !isRefuted(epsilon), 1, 1e-9);
  // From below: what is not refuted any more lies one tolerance above.
  return possible * (1 - 2e-9);
}

/** Guesses that are made from scores: the highest are said to be in, as many of the lowest to be out. */
export function guessByScore(scores: ArrayLike<number>, isIn: readonly boolean[], guesses: number): Guesses {
  const order = Array.from({ length: scores.length }, (_, i) => i).sort(
    (a, b) => (scores[a] as number) - (scores[b] as number),
  );
  const low = Math.floor(guesses / 2);
  const high = guesses - low;
  const out = order.slice(0, low).filter((index) => !isIn[index]).length;
  const inside = order.slice(order.length - high).filter((index) => isIn[index]).length;
  return { canaries: scores.length, guesses, right: out + inside };
}
