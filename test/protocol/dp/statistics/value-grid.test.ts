// covers: protocol/dp/statistics/limits.ts
/** Values on a grid, and each bad grid beside a good one. */
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { checkDelta, checkEpsilon, checkMost } from '../../../../protocol/dp/statistics/limits.ts';
import { stepsOf, valueGrid, valueOfSteps } from '../../../../protocol/dp/statistics/value-grid.ts';

const refused = expect.objectContaining({ code: 'statisticRefused' });

test('every value lies between the bounds, as near to itself as may be; what is no number is no value', () => {
  fc.assert(
    fc.property(
      fc.integer({ min: -1000, max: 1000 }),
      fc.integer({ min: 1, max: 1000 }),
      fc.constantFrom(0.001, 0.1, 0.25, 1, 10),
      fc.double(),
      (from, width, step, value) => {
        const grid = valueGrid(from * step, (from + width) * step, step);
        expect([grid.low, grid.high]).toEqual([from, from + width]);
        const steps = stepsOf(value, grid);
        if (Number.isNaN(value)) {
          expect(steps).toBeUndefined();
          return;
        }
        expect(Number.isInteger(steps)).toBe(true);
        const clamped = Math.min((from + width) * step, Math.max(from * step, value));
        expect(Math.abs((steps as number) * step - clamped)).toBeLessThanOrEqual(step * 0.5000001);
      },
    ),
  );
  const grid = valueGrid(0, 1, 0.1);
  expect([0.26, Infinity, -Infinity, -0, 7].map((value) => stepsOf(value, grid))).toEqual([3, 10, 0, 0, 10]);
  expect(valueOfSteps(3, grid)).toBe(0.3);
});

test.each([
  [0, 100, 0.1],
  [0, 1, 0.001],
  [-20, 50, 0.01],
  [0, 250_000, 100],
])('a grid between %d and %d has a step of %d by itself', (lower, upper, step) => {
  expect(valueGrid(lower, upper).step).toBe(step);
});

test.each<[string, [number, number, number?], [number, number, number?]]>([
  ['bounds in the wrong order', [5, 2, 1], [2, 5, 1]],
  ['bounds that are the same', [2, 2, 1], [2, 3, 1]],
  ['a bound that is no number', [Number.NaN, 2, 1], [0, 2, 1]],
  ['a bound without end', [0, Infinity, 1], [0, 1e9, 1]],
  ['bounds without end and no grid', [0, Infinity], [0, 1e9]],
  ['a step of nothing', [0, 1, 0], [0, 1, 1]],
  ['a negative step', [0, 1, -1], [0, 1, 1]],
  ['a step that is no number', [0, 1, Number.NaN], [0, 1, 1]],
  ['too fine a grid', [0, 1e9, 1e-9], [0, 1e9, 1e-3]],
  ['bounds beside the grid', [0, 1, 0.3], [0, 0.9, 0.3]],
  ['a step beyond the bounds', [0, 1e-9, 1], [0, 1, 1]],
])('%s are refused', (_, bad, good) => {
  expect(() => valueGrid(...bad)).toThrow(refused);
  expect(valueGrid(...good).high).toBeGreaterThan(0);
});

test.each<[string, (value: number) => void, number[], number[]]>([
  ['epsilon', checkEpsilon, [0, -1, Number.NaN, Infinity, 51, 1e-6], [0.01, 1, 50]],
  ['delta', checkDelta, [0, -1, Number.NaN, 0.5, 1, 1e-20], [1e-9, 1e-3]],
  ['rows', (value) => checkMost('rows', value), [0, -1, 1.5, Number.NaN, 10_001], [1, 10_000]],
])('an impossible %s is refused, a possible one is not', (_, check, bad, good) => {
  for (const value of bad) expect(() => check(value), String(value)).toThrow(refused);
  for (const value of good) expect(() => check(value)).not.toThrow();
});
