// covers: protocol/dp/audit/one-run-bound.ts, protocol/dp/audit/audit-power.ts
/** Known answers: the sums of theorem 5.2, term by term, with mpmath 1.3.0 and 40 digits. */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { accuracyOf, bestGuesses, refutedAtLeast } from '../../../../protocol/dp/audit/audit-power.ts';
import {
  chanceOfGuesses,
  epsilonRefuted,
  guessByScore,
} from '../../../../protocol/dp/audit/one-run-bound.ts';
import { RandomNumbers, seededRandom } from '../../../../protocol/random.ts';

describe('the chance of right guesses', () => {
  test.each([
    [100, 100, 100, 1, 0, 2.48437855572401e-14],
    [100, 100, 75, 1, 0, 0.38272186725513],
    [1000, 1000, 600, 0.5, 1e-5, 0.932648884105037],
    [1000, 100, 98, 2, 1e-5, 0.00165236134912061],
    [1000, 250, 250, 3, 1e-5, 0.00115193643196952],
    [1000, 500, 300, 0.1, 1e-4, 0.00394665098248376],
  ])(
    '%d canaries, %d guesses, %d right, epsilon %d, delta %d',
    (canaries, guesses, right, epsilon, delta, wanted) => {
      const chance = chanceOfGuesses({ canaries, guesses, right }, epsilon, delta);
      expect(Math.abs(chance / wanted - 1)).toBeLessThan(1e-9);
    },
  );

  test('without delta it is a binomial tail: 3 of 3 at the epsilon of odds three to one', () => {
    const all = { canaries: 3, guesses: 3, right: 3 };
    expect(chanceOfGuesses(all, Math.log(3), 0)).toBeCloseTo(27 / 64, 14);
    expect(chanceOfGuesses({ ...all, right: 2 }, Math.log(3), 0)).toBeCloseTo(54 / 64, 14);
    expect(chanceOfGuesses({ ...all, right: 0 }, Math.log(3), 0)).toBe(1);
  });

  test('it bounds a training that gives everything away with probability delta, and else nothing', () => {
    const [canaries, delta] = [6, 0.01];
    const truth = delta + (1 - delta) * 2 ** -canaries;
    const bound = chanceOfGuesses({ canaries, guesses: canaries, right: canaries }, 0, delta);
    expect(bound).toBeGreaterThan(truth);
    expect(chanceOfGuesses({ canaries, guesses: canaries, right: canaries }, 0, 0)).toBeLessThan(truth);
  });

  test('property: more right guesses are less likely, a larger epsilon or delta explains more', () => {
    const sizes = fc
      .record({ guesses: fc.integer({ min: 2, max: 60 }), more: fc.integer({ min: 0, max: 100 }) })
      .chain(({ guesses, more }) =>
        fc.record({
          guesses: fc.constant(guesses),
          canaries: fc.constant(guesses + more),
          right: fc.integer({ min: 1, max: guesses }),
        }),
      );
    const epsilons = fc.double({ min: 0, max: 5, noNaN: true });
    const deltas = fc.double({ min: 0, max: 1e-2, noNaN: true });
    fc.assert(
      fc.property(sizes, epsilons, deltas, (size, epsilon, delta) => {
        const chance = chanceOfGuesses(size, epsilon, delta);
        expect(chance).toBeGreaterThanOrEqual(chanceOfGuesses(size, epsilon, 0));
        expect(chanceOfGuesses(size, epsilon, 2 * delta)).toBeGreaterThanOrEqual(chance);
        expect(chanceOfGuesses(size, epsilon + 0.1, 0)).toBeGreaterThanOrEqual(
          chanceOfGuesses(size, epsilon, 0) * (1 - 1e-12),
        );
        expect(chanceOfGuesses({ ...size, right: size.right - 1 }, epsilon, 0)).toBeGreaterThanOrEqual(
          chanceOfGuesses(size, epsilon, 0),
        );
      }),
    );
  });

  test('more guesses than canaries are refused', () => {
    expect(() => chanceOfGuesses({ canaries: 2, guesses: 3, right: 1 }, 1, 0)).toThrow(RangeError);
  });
});

describe('the epsilon that guesses refute', () => {
  test.each([
    [1000, 1000, 1000, 0, 5.80906833855],
    [1000, 1000, 1000, 1e-5, 5.78228313539],
    [1000, 250, 250, 1e-5, 4.39122401067],
    [1000, 100, 95, 1e-5, 2.16517579971],
  ])('%d canaries, %d guesses, %d right, delta %d', (canaries, guesses, right, delta, wanted) => {
    const epsilon = epsilonRefuted({ canaries, guesses, right }, delta, 0.95);
    expect(epsilon).toBeLessThanOrEqual(wanted);
    expect(epsilon).toBeGreaterThan(wanted * (1 - 1e-8));
  });

  test('half of them right refute nothing', () => {
    expect(epsilonRefuted({ canaries: 1000, guesses: 500, right: 250 }, 1e-5, 0.95)).toBe(0);
  });

  test('randomised response at epsilon 1 is accused of more in less than one of twenty runs', () => {
    const numbers = new RandomNumbers(seededRandom(new Uint8Array(32).fill(1)));
    const accuracy = 1 / (1 + Math.exp(-1));
    let accused = 0;
    let least = Infinity;
    for (let run = 0; run < 300; run += 1) {
      let right = 0;
      for (let i = 0; i < 500; i += 1) if (numbers.unit() < accuracy) right += 1;
      const epsilon = epsilonRefuted({ canaries: 500, guesses: 500, right }, 0, 0.95);
      if (epsilon > 1) accused += 1;
      least = Math.min(least, epsilon);
    }
    expect(accused).toBeGreaterThan(0);
    expect(accused).toBeLessThanOrEqual(15 + 3 * 4);
    expect(least).toBeGreaterThan(0.4);
  });
});

test('guesses by score: the highest are in, the lowest are out, the middle is passed over', () => {
  const scores = [5, -4, 0.1, 3, -2, 0];
  const isIn = [true, false, true, false, false, true];
  expect(guessByScore(scores, isIn, 4)).toEqual({ canaries: 6, guesses: 4, right: 3 });
  expect(guessByScore(scores, isIn, 2)).toEqual({ canaries: 6, guesses: 2, right: 2 });
  expect(guessByScore(scores, isIn, 6)).toEqual({ canaries: 6, guesses: 6, right: 4 });
});

describe('power', () => {
  test('the accuracy of guesses is that of normal scores', () => {
    expect(accuracyOf({ canaries: 100, guesses: 50 }, 0)).toBeCloseTo(0.5, 9);
    // All are guessed: the threshold lies halfway, and Phi(1/2) is 0.691462.
    expect(accuracyOf({ canaries: 100, guesses: 100 }, 1)).toBeCloseTo(0.691462, 5);
    expect(accuracyOf({ canaries: 1000, guesses: 10 }, 2)).toBeGreaterThan(0.99);
  });

  test('guesses are as many as refute most, and no more than there may be canaries of a kind', () => {
    const size = { canaries: 1000, delta: 1e-5, confidence: 0.95 };
    const few = bestGuesses(size, 2);
    for (const guesses of [100, 250, 500, 900])
      expect(refutedAtLeast({ ...size, guesses: few }, 2)).toBeGreaterThanOrEqual(
        refutedAtLeast({ ...size, guesses }, 2),
      );
    // Whoever is told apart for sure is guessed as often as coins permit: 900 of 1000, but 12 of 24.
    expect(bestGuesses(size, 12)).toBe(900);
    expect(bestGuesses({ ...size, canaries: 24 }, 12)).toBe(12);
  });

  test('what it says to refute is refuted in 99 of 100 runs', () => {
    const size = { canaries: 400, guesses: 100, delta: 1e-5, confidence: 0.95 };
    const separation = 2;
    const promised = refutedAtLeast(size, separation);
    expect(promised).toBeGreaterThan(0.5);
    const numbers = new RandomNumbers(seededRandom(new Uint8Array(32).fill(2)));
    let short = 0;
    for (let run = 0; run < 100; run += 1) {
      const isIn = Array.from({ length: size.canaries }, () => numbers.unit() < 0.5);
      const scores = isIn.map((is) => numbers.normal() + (is ? separation : 0));
      if (epsilonRefuted(guessByScore(scores, isIn, size.guesses), size.delta, size.confidence) < promised)
        short += 1;
    }
    expect(short).toBeLessThan(6);
  });
});
