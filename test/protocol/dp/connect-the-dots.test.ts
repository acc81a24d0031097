// covers: protocol/dp/compose-losses.ts
/** Grids of losses, and their sums, against what they stand for. */
import { describe, expect, test } from 'vitest';
import { deltaOfGaussian } from '../../../protocol/dp/analytic-gaussian.ts';
import { epsilonOfSum, planOf } from '../../../protocol/dp/compose-losses.ts';
import { connectTheDots, type GridLoss } from '../../../protocol/dp/connect-the-dots.ts';
import {
  type LossLaw,
  lossOfFixedSize,
  lossOfNoise,
  lossOfPoisson,
} from '../../../protocol/dp/privacy-loss.ts';
import type { SymmetricNoise } from '../../../protocol/dp/rdp-noise.ts';

const lawOf = (noise: SymmetricNoise): LossLaw => {
  const law = lossOfNoise(noise, 1e-20);
  if (law) return law;
  throw new Error('no law');
};
const noises: readonly SymmetricNoise[] = [
  { type: 'gaussian', noiseMultiplier: 0.7 },
  { type: 'laplace', scaleOverSensitivity: 1.5 },
  { type: 'discreteLaplace', a: 0.4, sensitivity: 3 },
  { type: 'discreteGaussian', sigma: 2, sensitivity: 3 },
];
const laws = noises.flatMap((noise): (readonly [string, LossLaw])[] => [
  [noise.type, lawOf(noise)],
  [`a sample of ${noise.type}`, lossOfPoisson(lawOf(noise), 0.2)],
  [`a fixed sample of ${noise.type}`, lossOfFixedSize(lawOf(noise), 0.2)],
]);

/** sum over losses above epsilon of (1 - e^(epsilon - l)) P, as it is written. */
function deltaOf({ h, low, masses, lost }: GridLoss, epsilon: number): number {
  return masses.reduce((sum, mass, at) => {
    const loss = (low + at) * h;
    return loss > epsilon ? sum - mass * Math.expm1(epsilon - loss) : sum;
  }, lost);
}

describe.each(laws)('%s', (_, law) => {
  test('has all of P and of Q in each direction', () => {
    for (const { h, low, masses } of connectTheDots(law, 1e-2)) {
      const [p, q] = [0, 0].map((_, which) =>
        masses.reduce((sum, mass, at) => sum + mass * (which ? Math.exp(-(low + at) * h) : 1), 0),
      );
      expect(p).toBeCloseTo(1, 12);
      expect(q).toBeCloseTo(1, 12);
    }
  });

  test('costs more on a coarser grid, and as much where both have a point', () => {
    const [fine, coarse] = [connectTheDots(law, 1e-3), connectTheDots(law, 1e-1)];
    fine.forEach((grid, direction) => {
      for (const epsilon of [0.25, 0.55, 1.05])
        expect(deltaOf(coarse[direction] as GridLoss, epsilon)).toBeGreaterThanOrEqual(
          deltaOf(grid, epsilon) - 1e-13,
        );
      for (const epsilon of [0, 0.2, 1])
        expect(deltaOf(coarse[direction] as GridLoss, epsilon)).toBeCloseTo(
          deltaOf(grid, epsilon),
          law.atoms.length > 0 ? 2 : 12,
        );
    });
  });
});

test('Gaussian noise has its exact trade-off at the points', () => {
  const [grid] = connectTheDots(lawOf({ type: 'gaussian', noiseMultiplier: 0.7 }), 1e-2);
  for (const epsilon of [0, 0.5, 2, 5])
    expect(deltaOf(grid as GridLoss, epsilon) / deltaOfGaussian(0.7, epsilon) - 1).toBeCloseTo(0, 9);
});

/** The sum by convolution, term by term. */
function slowSum(parts: readonly GridLoss[]): GridLoss {
  return parts.reduce((one, other) => {
    const masses = new Float64Array(one.masses.length + other.masses.length - 1);
    one.masses.forEach((a, i) => {
      other.masses.forEach((b, j) => {
        masses[i + j] = (masses[i + j] ?? 0) + a * b;
      });
    });
    return { h: one.h, low: one.low + other.low, masses, lost: 1 - (1 - one.lost) * (1 - other.lost) };
  });
}

test.each([1e-3, 1e-6, 1e-12, 1e-15])(
  'sums have the epsilon of their plain convolution, at delta %d',
  (delta) => {
    const h = 2e-2;
    const one = connectTheDots(lossOfPoisson(lawOf({ type: 'gaussian', noiseMultiplier: 1 }), 0.2), h);
    const other = connectTheDots(lawOf({ type: 'laplace', scaleOverSensitivity: 2 }), h);
    for (const direction of [0, 1]) {
      const a = one[direction] as GridLoss;
      const b = other[0] as GridLoss;
      const parts = [
        { grid: a, count: 3 },
        { grid: b, count: 2 },
      ];
      const epsilon = epsilonOfSum(parts, planOf(parts, { delta }), delta);
      const plain = slowSum([a, a, a, b, b]);
      expect(deltaOf(plain, epsilon)).toBeLessThanOrEqual(delta * (1 + 1e-9));
      expect(deltaOf(plain, epsilon - 1e-6)).toBeGreaterThan(delta);
    }
  },
);
