// covers: protocol/dp/statistics/discrete-gaussian-plan.ts, protocol/dp/statistics/buckets.ts
/** Buckets, known answers with silent noise, laws, what a person can change, and the price by both accountants. */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { pldEpsilon } from '../../../../protocol/dp/pld-accountant.ts';
import { rdpEpsilon } from '../../../../protocol/dp/rdp-accountant.ts';
import { edgeBuckets, namedBuckets } from '../../../../protocol/dp/statistics/buckets.ts';
import { boundedKeys } from '../../../../protocol/dp/statistics/contribution-bound.ts';
import { answerHistogram, planHistogram } from '../../../../protocol/dp/statistics/histogram.ts';
import { chiSquareRatio } from '../chi-square.ts';
import { anyTable, random, table, without } from './tables.ts';

const ages = edgeBuckets([0, 18, 40, 65, 120]);
const people = table([
  ['ann', 20],
  ['ann', 21],
  ['ann', 70],
  ['ben', -1],
  ['cid', 300],
  ['dot', 65],
  ['eve', Number.NaN],
]);
const bucketOf = (row: number) => ages.bucketOf(people.values[row] as number);

test('a value is in the bucket whose edges it lies between, or in the nearest', () => {
  fc.assert(
    fc.property(fc.double(), (value) => {
      const inside = [0, 18, 40, 65, 120].filter((edge) => edge <= value).length - 1;
      const expected = Number.isNaN(value) ? undefined : Math.min(3, Math.max(0, inside));
      expect(ages.bucketOf(value)).toBe(expected);
    }),
  );
  expect(ages.names).toEqual(['[0, 18)', '[18, 40)', '[40, 65)', '[65, 120)']);
  const colours = namedBuckets(['red', 'blue']);
  expect(['blue', 'green', undefined].map((name) => colours.bucketOf(name))).toEqual([
    1,
    undefined,
    undefined,
  ]);
});

test('persons count once in each bucket, and in so many at most', () => {
  const plan = (most: number) => {
    const wanted = planHistogram(1, undefined, 4, most);
    return { ...wanted, noise: { decay: { s: 250n, t: 1n } } };
  };
  expect(answerHistogram(plan(2), people.persons, bucketOf, random(1))).toEqual([1, 1, 0, 3]);
  const once = answerHistogram(plan(1), people.persons, bucketOf, random(1));
  expect(once.reduce((sum, count) => sum + count, 0)).toBe(4);
  expect(answerHistogram(plan(9), [], bucketOf, random(1))).toEqual([0, 0, 0, 0]);
});

test('a person more or less changes no count by more than 1, and at most k of them', () => {
  fc.assert(
    fc.property(anyTable, fc.integer({ min: 1, max: 4 }), fc.constantFrom(...'abc'), (column, k, person) => {
      // As many different buckets of a person as there are, if they fit; else a random choice of the others would differ.
      const spread = (one: typeof column) => (row: number) =>
        Number.isNaN(one.values[row]) ? undefined : Math.abs(Math.trunc(one.values[row] as number)) % k;
      const countsOf = (one: typeof column) => {
        const counts = new Array<number>(k).fill(0);
        for (const bucket of boundedKeys(one.persons, spread(one), k, random(1)))
          counts[bucket] = (counts[bucket] as number) + 1;
        return counts;
      };
      const [all, others] = [countsOf(column), countsOf(without(column, person))];
      const change = all.map((count, at) => count - (others[at] as number));
      for (const one of change) expect([0, 1]).toContain(one);
      expect(Math.hypot(...change)).toBeLessThanOrEqual(Math.sqrt(k));
    }),
  );
});

describe.each([
  ['discrete Laplace', undefined],
  ['discrete Gaussian', 1e-6],
] as const)('%s noise', (_, delta) => {
  test('costs what was asked for by either accountant', () => {
    for (const most of [1, 3]) {
      const { event } = planHistogram(1, delta, 8, most);
      expect(rdpEpsilon(event, 'add-or-remove-one', delta ?? 1e-12)).toBeLessThanOrEqual(1.03);
      const spent = pldEpsilon(event, 'add-or-remove-one', delta ?? 1e-12);
      expect(spent).toBeLessThanOrEqual(1.001);
      expect(spent).toBeGreaterThan(0.8);
    }
  });

  test('has its law in every bucket', () => {
    const plan = planHistogram(1, delta, 4000, 2);
    const counts = answerHistogram(plan, ['a', 'b'], () => undefined, random(2));
    const weightOf = (x: number) =>
      delta === undefined ? Math.exp(-Math.abs(x) / 2) : Math.exp(-((x / plan.deviation) ** 2) / 2);
    const outcomes = Array.from({ length: 161 }, (_, at) => at - 80);
    const total = outcomes.reduce((sum, x) => sum + weightOf(x), 0);
    const law = new Map(outcomes.map((x) => [x, weightOf(x) / total]));
    expect(chiSquareRatio(counts, law)).toBeLessThan(1);
    expect(
      chiSquareRatio(
        counts.map((x) => Math.trunc(x / 2)),
        law,
      ),
    ).toBeGreaterThan(5);
  });
});

test('for many buckets of a person the noise of a delta is less', () => {
  const [pure, approximate] = [undefined, 1e-6].map((delta) => planHistogram(1, delta, 100, 64).deviation);
  expect(approximate).toBeLessThan(0.6 * (pure as number));
});

test.each<[string, () => unknown, () => unknown]>([
  ['one edge', () => edgeBuckets([1]), () => edgeBuckets([1, 2])],
  ['edges in the wrong order', () => edgeBuckets([1, 3, 2]), () => edgeBuckets([1, 2, 3])],
  ['an edge twice', () => edgeBuckets([1, 1]), () => edgeBuckets([1, 1.5])],
  ['an edge without end', () => edgeBuckets([0, Infinity]), () => edgeBuckets([0, 1e300])],
  ['no categories', () => namedBuckets([]), () => namedBuckets(['a'])],
  ['two of a name', () => namedBuckets(['a', 'a']), () => namedBuckets(['a', 'A'])],
  ['too many buckets', () => planHistogram(1, 1e-6, 1e6, 1), () => planHistogram(1, 1e-6, 65_536, 1)],
  ['no bucket', () => planHistogram(1, 1e-6, 0, 1), () => planHistogram(1, 1e-6, 1, 1)],
  ['a delta of a half', () => planHistogram(1, 0.5, 4, 1), () => planHistogram(1, 1e-4, 4, 1)],
  ['no epsilon', () => planHistogram(0, 1e-6, 4, 1), () => planHistogram(0.1, 1e-6, 4, 1)],
])('%s is refused', (_, bad, good) => {
  expect(bad).toThrow(expect.objectContaining({ code: 'statisticRefused' }));
  expect(good).not.toThrow();
});

test('an epsilon whose noise no table holds is refused', () => {
  const plan = (epsilon: number) => () => planHistogram(epsilon, 1e-9, 4, 4);
  expect(plan(0.001)).toThrow(expect.objectContaining({ code: 'noiseTableTooLarge' }));
  expect(plan(0.1)).not.toThrow();
});
