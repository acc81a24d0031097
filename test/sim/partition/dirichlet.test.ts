import { describe, expect, test } from 'vitest';
import { RandomNumbers, seededRandom } from '../../../protocol/random.ts';
import { drawDirichlet, drawLogGamma, partitionDirichlet } from '../../../sim/partition/dirichlet.ts';

const numbers = (seed: number) => new RandomNumbers(seededRandom(new Uint8Array(32).fill(seed)));

describe('drawLogGamma', () => {
  test.each([0.1, 0.5, 1, 2.5, 40])('Gamma(%d) has mean and variance equal to its shape', (shape) => {
    const source = numbers(1);
    const draws = 100_000;
    let sum = 0;
    let squares = 0;
    for (let i = 0; i < draws; i += 1) {
      const value = Math.exp(drawLogGamma(shape, source));
      sum += value;
      squares += (value - shape) ** 2;
    }
    // Standard error of the mean is sqrt(shape / draws); of the variance sqrt((2 shape^2 + 6 shape) / draws).
    expect(Math.abs(sum / draws - shape)).toBeLessThan(4 * Math.sqrt(shape / draws));
    expect(Math.abs(squares / draws - shape)).toBeLessThan(
      4 * Math.sqrt((2 * shape ** 2 + 6 * shape) / draws),
    );
  });
});

describe('drawDirichlet', () => {
  test.each([1e-6, 0.01, 1, 1e6])('shares for alpha = %d sum to one', (alpha) => {
    const shares = drawDirichlet(alpha, 50, numbers(2));
    expect(shares.every((share) => share >= 0 && share <= 1)).toBe(true);
    expect(shares.reduce((a, b) => a + b)).toBeCloseTo(1, 12);
  });

  test('small alpha gives nearly everything to one, large alpha the same to all', () => {
    expect(Math.max(...drawDirichlet(1e-4, 10, numbers(3)))).toBeGreaterThan(0.99);
    expect(Math.max(...drawDirichlet(1e6, 10, numbers(3)))).toBeLessThan(0.101);
  });

  test('the variance of a share is (1/n)(1 - 1/n) / (n alpha + 1)', () => {
    const source = numbers(4);
    let squares = 0;
    for (let i = 0; i < 20_000; i += 1) squares += ((drawDirichlet(0.3, 5, source)[2] ?? 0) - 0.2) ** 2;
    expect(squares / 20_000).toBeCloseTo((0.2 * 0.8) / 2.5, 2);
  });
});

describe('partitionDirichlet', () => {
  const labels = Int32Array.from({ length: 5000 }, (_, i) => i % 10);
  /** Mean over participants of the total variation distance between their labels and the uniform distribution. */
  const skew = (parts: Uint32Array[]) => {
    const distances = parts.map((part) => {
      const counts = new Array(10).fill(0);
      for (const index of part) counts[labels[index] ?? 0] += 1;
      return counts.reduce((sum, count) => sum + Math.abs(count / part.length - 0.1), 0) / 2;
    });
    return distances.reduce((a, b) => a + b) / distances.length;
  };

  test('skew falls as alpha grows, down to that of the IID split', () => {
    const [wild, mild, none] = [0.05, 1, 1e6].map((alpha) =>
      skew(partitionDirichlet(labels, 10, numbers(5), alpha)),
    );
    expect(wild).toBeGreaterThan(0.6);
    expect(mild).toBeLessThan(wild ?? 0);
    expect(none).toBeLessThan(0.01);
  });

  test('an empty participant is given an example of the richest', () => {
    const few = new Int32Array(3);
    for (let seed = 0; seed < 20; seed += 1) {
      const parts = partitionDirichlet(few, 3, numbers(seed), 1e-6);
      expect(parts.map((part) => part.length)).toEqual([1, 1, 1]);
    }
  });
});
