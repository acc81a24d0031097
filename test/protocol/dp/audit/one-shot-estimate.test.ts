import { describe, expect, test } from 'vitest';
import { epsilonOfGaussian } from '../../../../protocol/dp/analytic-gaussian.ts';
import { epsilonBetween, estimateEpsilon } from '../../../../protocol/dp/audit/one-shot-estimate.ts';
import { RandomNumbers, seededRandom } from '../../../../protocol/random.ts';

const STANDARD = { mean: 0, deviation: 1 };

describe('telling two normal laws apart', () => {
  test('of one width it is the Gaussian mechanism', () => {
    for (const z of [0.3, 1, 4])
      for (const delta of [1e-3, 1e-5, 1e-9])
        expect(epsilonBetween({ mean: 1 / z, deviation: 1 }, STANDARD, delta)).toBeCloseTo(
          epsilonOfGaussian(z, delta),
          6,
        );
  });

  /** By the normal law with 30 digits: mpmath 1.3.0. */
  test.each([
    [1, 1.2, 5.483909612],
    [0.5, 0.8, 4.434832026],
    [2, 0.5, 45.43734595],
  ])('mean %d and deviation %d against the standard law, at delta 1e-3', (mean, deviation, wanted) => {
    expect(epsilonBetween({ mean, deviation }, STANDARD, 1e-3)).toBeCloseTo(wanted, 5);
    expect(epsilonBetween(STANDARD, { mean, deviation }, 1e-3)).toBeCloseTo(wanted, 5);
  });

  test('a law and itself need none', () => {
    expect(epsilonBetween(STANDARD, STANDARD, 1e-5)).toBe(0);
  });
});

describe('the estimate', () => {
  /** Canaries along random unit vectors, in one sum with noise. */
  function cosines(signal: number, canaries: number, dimension: number): number[] {
    const numbers = new RandomNumbers(seededRandom(new Uint8Array(32).fill(9)));
    const vectors = Array.from({ length: canaries }, () => {
      const vector = Float64Array.from({ length: dimension }, () => numbers.normal());
      const norm = Math.hypot(...vector);
      return vector.map((x) => x / norm);
    });
    const sum = Float64Array.from({ length: dimension }, () => numbers.normal());
    for (const vector of vectors) for (const [i, x] of vector.entries()) sum[i] = (sum[i] ?? 0) + signal * x;
    const norm = Math.hypot(...sum);
    return vectors.map((vector) => vector.reduce((dot, x, i) => dot + x * (sum[i] ?? 0), 0) / norm);
  }

  test('comes near what the noise is, and rises as it falls', () => {
    const delta = 1e-5;
    const quiet = estimateEpsilon(cosines(1, 100, 1000), 1000, delta);
    expect(quiet).toMatchObject({ canaries: 100, dimension: 1000 });
    // Of 100 cosines the deviation is known to one part in fourteen, which at this delta is a large part of epsilon.
    const truth = epsilonOfGaussian(1, delta);
    expect(quiet.epsilon).toBeGreaterThan(0.6 * truth);
    expect(quiet.epsilon).toBeLessThan(2 * truth);
    expect(estimateEpsilon(cosines(3, 100, 1000), 1000, delta).epsilon).toBeGreaterThan(2 * quiet.epsilon);
  });

  test('canaries that all say the same are told apart for sure, and one alone tells nothing', () => {
    expect(estimateEpsilon([0.5, 0.5], 100, 1e-5).epsilon).toBe(Infinity);
    expect(estimateEpsilon([0, 0], 100, 1e-5).epsilon).toBe(0);
    expect(() => estimateEpsilon([0.5], 100, 1e-5)).toThrow(RangeError);
  });
});
