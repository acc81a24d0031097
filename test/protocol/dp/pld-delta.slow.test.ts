/** Delta of a sum of losses, against closed forms, the way back from epsilon, and planted mistakes. */
import { expect, test } from 'vitest';
import { deltaOfGaussian } from '../../../protocol/dp/analytic-gaussian.ts';
import { pldDelta, pldEpsilon } from '../../../protocol/dp/pld-accountant.ts';
import type { DpEvent } from '../../../schemas/dp-event.ts';

const poisson = (q: number, noiseMultiplier: number): DpEvent => ({
  type: 'poisson',
  q,
  event: { type: 'gaussian', noiseMultiplier },
});
const repeated = (event: DpEvent, count: number): DpEvent => ({ type: 'repeat', count, event });
const laplace: DpEvent = { type: 'laplace', scaleOverSensitivity: 1 };
const deltaOf = (event: DpEvent, epsilon: number) => pldDelta(event, 'add-or-remove-one', epsilon);

test('of Gaussian noise is the exact trade-off', () => {
  for (const epsilon of [0, 0.3, 2, 20])
    expect(deltaOf(repeated({ type: 'gaussian', noiseMultiplier: 3 }, 4), epsilon)).toBe(
      deltaOfGaussian(1.5, epsilon),
    );
});

test('of much discretised noise is the exact trade-off, from above, however small it is', () => {
  // A sample of everything but 1e-13 is Gaussian noise, but is not taken for it.
  for (const epsilon of [0, 0.1, 3, 14, 30]) {
    const exact = deltaOfGaussian(10 / Math.sqrt(1000), epsilon);
    const got = deltaOf(repeated(poisson(1 - 1e-13, 10), 1000), epsilon);
    expect(got, String(epsilon)).toBeGreaterThanOrEqual(exact * (1 - 1e-9));
    expect(got / exact - 1, String(epsilon)).toBeLessThan(1e-3);
    // A loss that is left out of a thousand would be seen.
    const fewer = deltaOf(repeated(poisson(1 - 1e-13, 10), 990), epsilon);
    expect(fewer).toBeLessThan(exact);
  }
});

test('of Laplace noise is that of its closed form, and nothing beyond its largest loss', () => {
  for (const epsilon of [0, 0.5, 0.99])
    expect(deltaOf(laplace, epsilon)).toBeCloseTo(-Math.expm1((epsilon - 1) / 2), 9);
  expect(deltaOf(laplace, 1)).toBeLessThan(1e-12);
  expect(deltaOf(laplace, 1.1)).toBeLessThan(1e-30);
});

test('leads back to the epsilon that it is of', () => {
  const events: readonly (readonly [DpEvent, number])[] = [
    [repeated(poisson(0.01, 1), 1000), 1],
    [repeated(poisson(0.01, 1), 1000), 4],
    [poisson(0.3, 1), 0.5],
    [{ type: 'compose', events: [repeated(laplace, 3), { type: 'gaussian', noiseMultiplier: 2 }] }, 1.5],
  ];
  for (const [event, epsilon] of events) {
    const delta = deltaOf(event, epsilon);
    expect(delta).toBeGreaterThan(0);
    expect(pldEpsilon(event, 'add-or-remove-one', delta)).toBeCloseTo(epsilon, 3);
    expect(deltaOf(event, 1.01 * epsilon)).toBeLessThan(delta);
  }
});

test('is at least what events lose whatever epsilon is, at most 1, and 0 of nothing', () => {
  const lossy: DpEvent = { type: 'epsilonDelta', epsilon: 0.1, delta: 1e-3 };
  expect(deltaOf(repeated(lossy, 10), 50)).toBeCloseTo(1 - (1 - 1e-3) ** 10, 9);
  expect(deltaOf(repeated(laplace, 10_000), 0)).toBeLessThanOrEqual(1);
  expect(deltaOf(repeated(laplace, 10_000), 0)).toBeGreaterThan(0.99);
  expect(deltaOf({ type: 'compose', events: [] }, 0)).toBe(0);
  const infinite = { type: 'gaussian', noiseMultiplier: 1e-4 } as const;
  expect(deltaOf({ type: 'compose', events: [infinite, laplace] }, 1)).toBe(1);
  expect(() =>
    deltaOf({ type: 'distributedDiscreteGaussian', norm: 1, dimension: 1, sigma: 20, parties: 3 }, 1),
  ).toThrow(expect.objectContaining({ code: 'eventUnsupported' }));
});
