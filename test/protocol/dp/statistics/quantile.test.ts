/** Scores against a plain twin, the law of the choice, and what one person can change. */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { pldEpsilon } from '../../../../protocol/dp/pld-accountant.ts';
import { answerQuantile, planQuantile, scoredRanges } from '../../../../protocol/dp/statistics/quantile.ts';
import { valueGrid } from '../../../../protocol/dp/statistics/value-grid.ts';
import { chiSquareRatio } from '../chi-square.ts';
import { random, table } from './tables.ts';

const low = -4;
const high = 9;
const values = fc.array(fc.integer({ min: low, max: high }), { maxLength: 25 });
const thousandths = fc.constantFrom(0, 1, 100, 250, 500, 750, 990, 1000);

/** Of every candidate by itself. */
function plainScores(steps: readonly number[], quantile: number): number[] {
  return Array.from({ length: high - low + 1 }, (_, at) => {
    const x = low + at;
    const below = steps.filter((value) => value < x).length;
    const above = steps.filter((value) => value > x).length;
    const miss = Math.max(
      0,
      below - (quantile / 1000) * steps.length,
      above - (1 - quantile / 1000) * steps.length,
    );
    return Math.floor((miss * 1000) / Math.max(quantile, 1000 - quantile) + 1e-9);
  });
}

function spread(steps: readonly number[], quantile: number): number[] {
  return scoredRanges(steps, { low, high }, quantile)
    .flatMap(({ from, size, score }) =>
      Array.from({ length: Number(size) }, (_, at) => [from + at, score] as const),
    )
    .map(([x, score], at) => {
      expect(x).toBe(low + at);
      return score;
    });
}

describe('scores', () => {
  test('are those of each candidate by itself, and cover the grid once', () => {
    fc.assert(
      fc.property(values, thousandths, (steps, quantile) => {
        expect(spread(steps, quantile)).toEqual(plainScores(steps, quantile));
      }),
    );
  });

  test('change by at most k where a person has k rows', () => {
    fc.assert(
      fc.property(
        values,
        fc.array(fc.integer({ min: low, max: high }), { minLength: 1, maxLength: 4 }),
        thousandths,
        (others, own, quantile) => {
          const [rest, whole] = [spread(others, quantile), spread([...others, ...own], quantile)];
          const change = whole.map((score, at) => Math.abs(score - (rest[at] as number)));
          expect(Math.max(...change)).toBeLessThanOrEqual(own.length);
        },
      ),
    );
    // And they do change by as much.
    expect(Math.max(...spread([0, 0, 0, 0], 500)) - Math.max(...spread([0, 0], 500))).toBe(2);
  });

  test('of a fine grid are as few as the values', () => {
    const ranges = scoredRanges([5, 5, 1e9], { low: 0, high: 2 ** 50 }, 500);
    expect(ranges.map(({ from, size, score }) => [from, Number(size), score])).toEqual([
      [0, 5, 3],
      [5, 1, 0],
      [6, 1e9 - 6, 1],
      [1e9, 1, 1],
      [1e9 + 1, 2 ** 50 - 1e9, 3],
    ]);
  });
});

describe('answers', () => {
  const ages = table(Array.from({ length: 200 }, (_, at) => [`p${at}`, at / 2] as const));
  const grid = valueGrid(0, 100, 0.1);

  test.each([
    [0.5, 50],
    [0.25, 25],
    [0.95, 95],
    [0, 0],
    [1, 99.5],
  ])(
    'the quantile %d of many is near %d, on the grid, the same for the same randomness',
    (quantile, wanted) => {
      const plan = planQuantile(2, grid, quantile, 1);
      const answer = answerQuantile(plan, ages, random(3));
      expect(Math.abs(answer - wanted)).toBeLessThan(4);
      expect(answerQuantile(plan, ages, random(3))).toBe(answer);
      expect(answer).toBe(Number(answer.toFixed(1)));
    },
  );

  test('of nothing are any point of the grid', () => {
    const plan = planQuantile(1, valueGrid(0, 3, 1), 0.5, 1);
    const source = random(4);
    const draws = Array.from({ length: 2000 }, () => answerQuantile(plan, table([]), source));
    expect(chiSquareRatio(draws, new Map([0, 1, 2, 3].map((x) => [x, 1 / 4])))).toBeLessThan(1);
  });

  test('have the law of the scores', () => {
    const steps = [0, 1, 1, 3, 7, 8];
    const plan = planQuantile(1.5, valueGrid(low, high, 1), 0.5, 1);
    const weights = plainScores(steps, 500).map((score) => Math.exp(-0.75 * score));
    const total = weights.reduce((sum, weight) => sum + weight, 0);
    const law = new Map(weights.map((weight, at) => [low + at, weight / total]));
    const source = random(5);
    const column = table(steps.map((value, at) => [`p${at}`, value] as const));
    const draws = Array.from({ length: 5000 }, () => answerQuantile(plan, column, source));
    expect(chiSquareRatio(draws, law)).toBeLessThan(1);
    expect(
      chiSquareRatio(
        draws.map((x) => (x === 2 ? 1 : x)),
        law,
      ),
    ).toBeGreaterThan(3);
  });

  test('cost epsilon', () => {
    const { event } = planQuantile(0.8, grid, 0.5, 3);
    const spent = pldEpsilon(event, 'add-or-remove-one', 1e-12);
    expect(spent).toBeLessThanOrEqual(0.8 + 1e-4);
    expect(spent).toBeGreaterThan(0.79);
  });
});

test.each<[string, () => unknown, () => unknown]>([
  [
    'a quantile above 1',
    () => planQuantile(1, valueGrid(0, 1), 1.5, 1),
    () => planQuantile(1, valueGrid(0, 1), 1, 1),
  ],
  [
    'a negative quantile',
    () => planQuantile(1, valueGrid(0, 1), -0.1, 1),
    () => planQuantile(1, valueGrid(0, 1), 0, 1),
  ],
  [
    'a quantile of too many digits',
    () => planQuantile(1, valueGrid(0, 1), 0.12345, 1),
    () => planQuantile(1, valueGrid(0, 1), 0.123, 1),
  ],
  [
    'no epsilon',
    () => planQuantile(0, valueGrid(0, 1), 0.5, 1),
    () => planQuantile(0.1, valueGrid(0, 1), 0.5, 1),
  ],
  [
    'many rows of a person for so small an epsilon',
    () => planQuantile(0.01, valueGrid(0, 1), 0.5, 1000),
    () => planQuantile(0.01, valueGrid(0, 1), 0.5, 1),
  ],
])('%s is refused', (_, bad, good) => {
  expect(bad).toThrow(expect.objectContaining({ code: 'statisticRefused' }));
  expect(good).not.toThrow();
});
