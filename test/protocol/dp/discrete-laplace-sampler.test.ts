// covers: protocol/dp/exact-random.ts
/** Exact noise: its law by chi-square over fixed seeds, beside noise that is planted wrong. */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  type Decay,
  decayNumber,
  decayOf,
  discreteLaplaceDeviation,
  discreteLaplaceSampler,
} from '../../../protocol/dp/discrete-laplace-sampler.ts';
import { ExactRandom } from '../../../protocol/dp/exact-random.ts';
import { seededRandom } from '../../../protocol/random.ts';
import { chiSquareRatio } from './chi-square.ts';

const random = (seed: number) => seededRandom(new Uint8Array(32).fill(seed));

function lawOf(a: number, reach: number): Map<number, number> {
  const peak = Math.tanh(a / 2);
  return new Map(
    Array.from({ length: 2 * reach + 1 }, (_, at) => [
      at - reach,
      peak * Math.exp(-a * Math.abs(at - reach)),
    ]),
  );
}

const DRAWS = 20_000;
const drawn = (decay: Decay, seed: number) => {
  const draw = discreteLaplaceSampler(decay, random(seed));
  return Array.from({ length: DRAWS }, () => Number(draw()));
};

describe('discrete Laplace noise', () => {
  const decays: readonly Decay[] = [{ s: 1n, t: 1n }, { s: 5n, t: 2n }, { s: 3n, t: 7n }, decayOf(0.5, 3)];

  test.each(decays.map((decay, at) => [decayNumber(decay), decay, at] as const))(
    'of decay %d has its law, and noise of twice the decay has not',
    (a, decay, seed) => {
      const draws = drawn(decay, seed);
      expect(chiSquareRatio(draws, lawOf(a, 60))).toBeLessThan(1);
      expect(chiSquareRatio(drawn({ s: 2n * decay.s, t: decay.t }, seed), lawOf(a, 60))).toBeGreaterThan(5);
      // 0 with either sign would be drawn twice as often.
      const twice = draws.map((x) => (x === 1 ? 0 : x));
      expect(chiSquareRatio(twice, lawOf(a, 60))).toBeGreaterThan(5);
      const variance = draws.reduce((sum, x) => sum + x * x, 0) / DRAWS;
      expect(Math.sqrt(variance) / discreteLaplaceDeviation(decay)).toBeCloseTo(1, 1);
    },
  );

  test('has a decay of at most epsilon for the sensitivity, and nearly as much', () => {
    fc.assert(
      fc.property(
        fc.double({ min: 2 ** -16, max: 50, noNaN: true }),
        fc.integer({ min: 1, max: 1e9 }),
        (epsilon, sensitivity) => {
          const decay = decayOf(epsilon, sensitivity);
          expect(decayNumber(decay) * sensitivity).toBeLessThanOrEqual(epsilon * (1 + 1e-15));
          expect(decayNumber(decay) * sensitivity).toBeGreaterThan(epsilon - 2 ** -19);
        },
      ),
    );
  });

  test('is the same for the same random bytes, and large where the sensitivity is', () => {
    const decay = decayOf(1e-3, 1e9);
    const some = Array.from({ length: 50 }, discreteLaplaceSampler(decay, random(1)));
    expect(Array.from({ length: 50 }, discreteLaplaceSampler(decay, random(1)))).toEqual(some);
    const mean = some.reduce((sum, x) => sum + Math.abs(Number(x)), 0) / 50;
    expect(mean).toBeGreaterThan(0.5e12);
    expect(mean).toBeLessThan(2e12);
  });
});

describe('exact decisions', () => {
  test('integers below a bound of any size are uniform', () => {
    for (const bound of [1n, 7n, 2n ** 32n, 3n * 2n ** 32n, 10n ** 30n]) {
      const exact = new ExactRandom(random(Number(bound % 251n)));
      const parts = bound < 8n ? bound : 8n;
      const draws = Array.from({ length: 4000 }, () => {
        const x = exact.below(bound);
        expect(x >= 0n && x < bound).toBe(true);
        return Number((x * parts) / bound);
      });
      const law = new Map(Array.from({ length: Number(parts) }, (_, at) => [at, 1 / Number(parts)]));
      expect(chiSquareRatio(draws, law), String(bound)).toBeLessThan(1);
    }
    expect(() => new ExactRandom(random(0)).below(0n)).toThrow(RangeError);
  });

  test.each([
    [0n, 1n],
    [1n, 3n],
    [1n, 1n],
    [7n, 3n],
  ])('a coin of e^-(%d/%d) has its probability', (numerator, denominator) => {
    const exact = new ExactRandom(random(3));
    const p = Math.exp(-Number(numerator) / Number(denominator));
    const draws = Array.from({ length: 10_000 }, () => (exact.decayCoin(numerator, denominator) ? 1 : 0));
    expect(
      chiSquareRatio(
        draws,
        new Map([
          [1, p],
          [0, 1 - p],
        ]),
      ),
    ).toBeLessThan(1);
    const wrong = Math.min(0.95, p + 0.05);
    expect(
      chiSquareRatio(
        draws,
        new Map([
          [1, wrong],
          [0, 1 - wrong],
        ]),
      ),
    ).toBeGreaterThan(1);
  });
});
