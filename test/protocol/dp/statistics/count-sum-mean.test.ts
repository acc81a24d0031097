// covers: protocol/dp/statistics/count.ts, protocol/dp/statistics/sum.ts, protocol/dp/statistics/mean.ts, protocol/dp/statistics/laplace-release.ts, protocol/dp/statistics/person-column.ts
/** Known answers with planted noise, laws and sensitivities. */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { pldEpsilon } from '../../../../protocol/dp/pld-accountant.ts';
import { rdpEpsilon } from '../../../../protocol/dp/rdp-accountant.ts';
import { answerCount, planCount } from '../../../../protocol/dp/statistics/count.ts';
import { answerMean, type MeanPlan, planMean } from '../../../../protocol/dp/statistics/mean.ts';
import type { PersonColumn } from '../../../../protocol/dp/statistics/person-column.ts';
import { answerSum, boundedSteps, exactSum, planSum } from '../../../../protocol/dp/statistics/sum.ts';
import { valueGrid } from '../../../../protocol/dp/statistics/value-grid.ts';
import { chiSquareRatio } from '../chi-square.ts';
import { anyTable, random, table, without } from './tables.ts';

/** Noise that is 0 but once in 10^100 draws: what remains is the answer. */
const SILENCE = { s: 250n, t: 1n };
const silent = <Plan>(plan: Plan): Plan => ({ ...plan, decay: SILENCE });
const silentMean = (plan: MeanPlan): MeanPlan => ({
  ...plan,
  distances: silent(plan.distances),
  count: silent(plan.count),
});
const grid = valueGrid(0, 10, 0.5);
const visits = table([
  ['ann', 3.2],
  ['ann', 4],
  ['ann', 99],
  ['ben', -5],
  ['cid', Number.NaN],
  ['dot', Infinity],
  ['eve', 5],
]);

describe('known answers', () => {
  test('rows with a value count, at most so many of a person', () => {
    const counted = [1, 2, 3, 9].map((k) => answerCount(silent(planCount(1, k)), visits, random(1)));
    expect(counted).toEqual([4, 5, 6, 6]);
  });

  test('values are clamped to their bounds and rounded to the grid', () => {
    expect(answerSum(silent(planSum(1, grid, 3)), visits, random(1))).toBe(3 + 4 + 10 + 0 + 10 + 5);
    const below = valueGrid(-20, -1, 1);
    expect(answerSum(silent(planSum(1, below, 3)), visits, random(1))).toBe(-1 - 1 - 1 - 5 - 1 - 1);
  });

  test('a mean is made of a sum and a count', () => {
    const { mean, count } = answerMean(silentMean(planMean(1, grid, 3)), visits, random(1));
    expect(count).toBe(6);
    expect(mean).toBeCloseTo((3 + 4 + 10 + 0 + 10 + 5) / 6, 12);
  });

  test('nothing at all has an answer too, for a refusal would say that there is nothing', () => {
    const nothing = table([]);
    expect(answerCount(silent(planCount(1, 1)), nothing, random(1))).toBe(0);
    expect(answerSum(silent(planSum(1, grid, 1)), nothing, random(1))).toBe(0);
    expect(answerMean(silentMean(planMean(1, grid, 1)), nothing, random(1)).mean).toBe(5);
  });

  test('all rows of one person are as many as that person may have', () => {
    const alone = table(Array.from({ length: 100 }, () => ['ann', 7] as const));
    expect(answerCount(silent(planCount(1, 2)), alone, random(1))).toBe(2);
    expect(answerSum(silent(planSum(1, grid, 2)), alone, random(1))).toBe(14);
    expect(answerMean(silentMean(planMean(1, grid, 2)), alone, random(1)).mean).toBe(7);
  });

  test('sums beyond 2^53 lose no step', () => {
    const steps = new Array<number>(2 ** 22 + 1).fill(2 ** 31).fill(1, 0, 1);
    expect(exactSum(steps)).toBe(2n ** 53n + 1n);
  });
});

describe('what one person can change', () => {
  const k = fc.integer({ min: 1, max: 4 });

  test('is at most the sensitivity of the event, for count and sum', () => {
    fc.assert(
      fc.property(anyTable, k, fc.constantFrom(...'abc'), (column, maxRows, person) => {
        const whole = boundedSteps(column, grid, maxRows, random(1));
        const rest = boundedSteps(without(column, person), grid, maxRows, random(1));
        // Whichever rows of the others are taken: theirs are compared in a table in which all of them fit.
        expect(whole.length - rest.length).toBeGreaterThanOrEqual(0);
        expect(whole.length - rest.length).toBeLessThanOrEqual(planCount(1, maxRows).event.sensitivity);
        const [all, others] = [column, without(column, person)].map((one) =>
          exactSum(boundedSteps(firstRows(one, maxRows), grid, maxRows, random(1))),
        ) as [bigint, bigint];
        const change = all - others;
        expect(Number(change < 0n ? -change : change)).toBeLessThanOrEqual(
          planSum(1, grid, maxRows).event.sensitivity,
        );
      }),
    );
  });

  test('is reached by a person with all rows at the larger bound, so no smaller one would do', () => {
    for (const [lower, upper] of [
      [0, 10],
      [-10, 3],
      [2, 10],
    ] as const) {
      const wide = valueGrid(lower, upper, 0.5);
      const extreme = Math.abs(lower) > Math.abs(upper) ? lower : upper;
      const steps = boundedSteps(
        table([
          ['a', extreme],
          ['a', extreme],
        ]),
        wide,
        2,
        random(1),
      );
      expect(Math.abs(Number(exactSum(steps)))).toBe(planSum(1, wide, 2).event.sensitivity);
    }
  });
});

/** So that no choice of rows is left. */
function firstRows({ persons, values }: PersonColumn, maxRows: number): PersonColumn {
  const seen = new Map<string, number>();
  const rows = persons.flatMap((person, row) => {
    const value = values[row] ?? Number.NaN;
    if (Number.isNaN(value)) return [];
    seen.set(person, (seen.get(person) ?? 0) + 1);
    return (seen.get(person) as number) <= maxRows ? [[person, value] as const] : [];
  });
  return table(rows);
}

test('the events cost epsilon, whatever the accountant, and the noise has the law of the event', () => {
  for (const [event, epsilon] of [
    [planCount(0.7, 3).event, 0.7],
    [planSum(0.7, grid, 2).event, 0.7],
    [planMean(0.7, grid, 2).event, 0.7],
  ] as const) {
    const spent = pldEpsilon(event, 'add-or-remove-one', 1e-12);
    expect(spent).toBeLessThanOrEqual(epsilon + 1e-3);
    expect(spent).toBeGreaterThan(epsilon * 0.95);
    expect(rdpEpsilon(event, 'add-or-remove-one', 1e-9)).toBeLessThanOrEqual(epsilon + 0.03);
  }
  const plan = planCount(0.7, 3);
  const source = random(9);
  const draws = Array.from({ length: 4000 }, () => answerCount(plan, visits, source) - 6);
  const peak = Math.tanh(plan.event.a / 2);
  const law = new Map(
    Array.from({ length: 161 }, (_, at) => [at - 80, peak * Math.exp(-plan.event.a * Math.abs(at - 80))]),
  );
  expect(chiSquareRatio(draws, law)).toBeLessThan(1);
  const variance = draws.reduce((sum, x) => sum + x * x, 0) / draws.length;
  expect(Math.sqrt(variance) / plan.deviation).toBeCloseTo(1, 1);
});

test.each<[string, () => unknown, () => unknown]>([
  ['no epsilon', () => planCount(0, 1), () => planCount(0.1, 1)],
  ['an epsilon without end', () => planSum(Infinity, grid, 1), () => planSum(1, grid, 1)],
  ['no rows', () => planMean(1, grid, 0), () => planMean(1, grid, 1)],
  [
    'a grid on which a person changes too much',
    () => planSum(1, valueGrid(0, 1e6, 1e-4), 1),
    () => planSum(1, valueGrid(0, 1e6, 1e-3), 1),
  ],
])('%s is refused', (_, bad, good) => {
  expect(bad).toThrow(expect.objectContaining({ code: 'statisticRefused' }));
  expect(good).not.toThrow();
});
