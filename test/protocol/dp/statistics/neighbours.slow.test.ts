/** Answers on neighbouring data, which cannot be told apart, beside those of mutants, which can. */
import { describe, expect, test } from 'vitest';
import { choiceBase } from '../../../../protocol/dp/exponential-mechanism.ts';
import { answerCount, planCount } from '../../../../protocol/dp/statistics/count.ts';
import { answerHistogram, planHistogram } from '../../../../protocol/dp/statistics/histogram.ts';
import { answerMean, planMean } from '../../../../protocol/dp/statistics/mean.ts';
import type { PersonColumn } from '../../../../protocol/dp/statistics/person-column.ts';
import { answerQuantile, planQuantile } from '../../../../protocol/dp/statistics/quantile.ts';
import { answerSum, planSum } from '../../../../protocol/dp/statistics/sum.ts';
import { answerKeys, planKeys } from '../../../../protocol/dp/statistics/unknown-keys.ts';
import { valueGrid } from '../../../../protocol/dp/statistics/value-grid.ts';
import { excessOf } from '../neighbour-tester.ts';
import { random, table, without } from './tables.ts';

describe('neighbours cannot be told apart', () => {
  const SAMPLES = 2500;
  const EPSILON = 1;
  const others = [...'bcdefg'].map((person) => [person, 1] as const);
  const whole = table([...others, ...Array.from({ length: 4 }, () => ['a', 10] as const)]);
  const rest = without(whole, 'a');
  const sampled = (answer: (column: PersonColumn, seed: ReturnType<typeof random>) => number, seed: number) =>
    [whole, rest].map((column, at) => {
      const source = random(seed + at);
      return Array.from({ length: SAMPLES }, () => answer(column, source));
    }) as [number[], number[]];
  const excess = (answer: Parameters<typeof sampled>[0]) => excessOf(...sampled(answer, 20), EPSILON, 0);
  const coarse = valueGrid(0, 10, 5);

  test.each<[string, Parameters<typeof sampled>[0], Parameters<typeof sampled>[0]]>([
    [
      'a count, beside one with half of the noise',
      (column, source) => answerCount(planCount(EPSILON, 2), column, source),
      (column, source) =>
        answerCount({ ...planCount(2 * EPSILON, 2), event: planCount(EPSILON, 2).event }, column, source),
    ],
    [
      'a count, beside one whose persons are not bounded',
      (column, source) => answerCount(planCount(EPSILON, 1), column, source),
      (column, source) => answerCount({ ...planCount(EPSILON, 1), maxRows: 100 }, column, source),
    ],
    [
      'a sum, beside one with half of the noise',
      (column, source) => answerSum(planSum(EPSILON, coarse, 2), column, source),
      (column, source) => answerSum(planSum(2 * EPSILON, coarse, 2), column, source),
    ],
    [
      'a sum, beside one without bounds for its values',
      (column, source) => answerSum(planSum(EPSILON, valueGrid(0, 5, 5), 1), column, source),
      (column, source) =>
        answerSum({ ...planSum(EPSILON, valueGrid(0, 5, 5), 1), grid: valueGrid(0, 100, 5) }, column, source),
    ],
    [
      'a mean, beside one with half of the noise',
      (column, source) => answerMean(planMean(EPSILON, coarse, 1), column, source).count,
      (column, source) => answerMean(planMean(2.4 * EPSILON, coarse, 1), column, source).count,
    ],
  ])('%s', (_, sound, mutant) => {
    expect(excess(sound)).toBeLessThan(0);
    expect(excess(mutant)).toBeGreaterThan(0);
  });
});

test('neighbours cannot be told apart by a quantile, but by a quarter of the noise, or where nobody is bounded', () => {
  const epsilon = 1;
  const whole = table([
    ...[1, 1, 1, 2, 2].map((value, at) => [`p${at}`, value] as const),
    ...Array.from({ length: 6 }, () => ['a', 6] as const),
  ]);
  const grid = valueGrid(0, 6, 1);
  const plan = planQuantile(epsilon, grid, 0.5, 1);
  const excess = (asked: typeof plan) => {
    const [some, others] = [whole, without(whole, 'a')].map((column, at) => {
      const source = random(30 + at);
      return Array.from({ length: 4000 }, () => answerQuantile(asked, column, source));
    }) as [number[], number[]];
    return excessOf(some, others, epsilon, 0);
  };
  expect(excess(plan)).toBeLessThan(0);
  expect(excess({ ...plan, maxRows: 100 })).toBeGreaterThan(0);
  // A person moves a rank, of which the mechanism uses up all only where both ends change: a quarter of the noise is seen.
  expect(excess({ ...plan, base: choiceBase(4 * epsilon, 1, 7) })).toBeGreaterThan(0);
});

test('a person alone is seen as often as delta says, and no more often; with a lower threshold more often', () => {
  const plan = planKeys(1.5, 1e-3, 2);
  const column = { persons: ['a', 'a', 'a'], keys: ['one', 'two', 'three'] };
  const source = random(2);
  const TURNS = 20_000;
  const seen = (threshold: number) => {
    let turns = 0;
    for (let turn = 0; turn < TURNS; turn += 1)
      if (answerKeys({ ...plan, threshold }, column, source).length > 0) turns += 1;
    return turns;
  };
  const most = 1e-3 * TURNS;
  expect(seen(plan.threshold)).toBeLessThan(most + 4 * Math.sqrt(most));
  expect(seen(plan.threshold)).toBeGreaterThan(0);
  expect(seen(plan.threshold - 2)).toBeGreaterThan(most + 4 * Math.sqrt(most));
});

test('neighbours cannot be told apart by a histogram, but where nobody is bounded and half of the noise is left', () => {
  const [epsilon, delta] = [1, 1e-4];
  const persons = ['b', 'c', 'c', 'a', 'a', 'a', 'a', 'a', 'a', 'a', 'a'];
  const bucketOf = (row: number) => (row < 3 ? row % 2 : row - 3);
  const plan = planHistogram(epsilon, delta, 8, 2);
  // One direction of many: a person adds to buckets, and the sum over all of them sees it best.
  const excess = (asked: typeof plan) => {
    const [some, others] = [persons, persons.slice(0, 3)].map((names, at) => {
      const source = random(40 + at);
      return Array.from({ length: 4000 }, () => {
        const counts = answerHistogram(asked, names, bucketOf, source);
        return counts.reduce((sum, count) => sum + count, 0);
      });
    }) as [number[], number[]];
    return excessOf(some, others, epsilon, delta);
  };
  expect(excess(plan)).toBeLessThan(0);
  expect(excess({ ...plan, maxBuckets: 8, noise: { sigma: plan.deviation / 2 } })).toBeGreaterThan(0);
});
