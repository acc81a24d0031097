// covers: protocol/dp/statistics/shared-noise.ts
/** Three owners, real masks between them, one sum: what it says, what it hides, and what it costs. */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { primitives } from '#primitives';
import { rdpEpsilon } from '../../../../protocol/dp/rdp-accountant.ts';
import {
  localContribution,
  openStatistics,
  planSecureStatistic,
  type SecureStatisticPlan,
} from '../../../../protocol/dp/statistics/secure-statistic.ts';
import { randomBytes } from '../../../../protocol/random.ts';
import { layoutOf } from '../../../../protocol/ring/payload.ts';
import { RingSum } from '../../../../protocol/ring/sum.ts';
import { packIntegers, type UpdateIntegers } from '../../../../protocol/ring/update.ts';
import { planCodec } from '../../../../protocol/ring/width.ts';
import { addMasks, type Mask, pairSign, without as removing } from '../../../../protocol/secagg/mask.ts';
import type { StatisticQuestion } from '../../../../schemas/statistic-question.ts';
import { chiSquareRatio } from '../chi-square.ts';
import { anyTable, random, table as tableOf, without } from './tables.ts';

const OWNERS = { most: 3, honest: 2, perPerson: 1 };
const DELTA = 1e-6;
const grid = { lower: 0, upper: 100, step: 1 };
const QUESTIONS: Readonly<Record<string, StatisticQuestion>> = {
  count: { statistic: 'count', epsilon: 1, maxRows: 2 },
  sum: { statistic: 'sum', epsilon: 1, maxRows: 1, ...grid },
  mean: { statistic: 'mean', epsilon: 1, maxRows: 1, ...grid },
  quantile: { statistic: 'quantile', epsilon: 1, maxRows: 1, ...grid, quantile: 0.5 },
  histogram: { statistic: 'histogram', epsilon: 1, maxBuckets: 2, edges: [0, 25, 50, 75, 100] },
  categories: { statistic: 'categories', epsilon: 1, maxBuckets: 1, names: ['red', 'blue'] },
};
const plans = Object.fromEntries(
  Object.entries(QUESTIONS).map(([name, question]) => [name, planSecureStatistic(question, DELTA, OWNERS)]),
) as Record<string, SecureStatisticPlan>;

/** Of each owner a thousand persons, whose values are spread evenly between 0 and 60 + 10 times the owner. */
const tables = [0, 1, 2].map((owner) => ({
  persons: Array.from({ length: 1000 }, (_, at) => `o${owner}p${at}`),
  values: Float64Array.from({ length: 1000 }, (_, at) => at % (60 + 10 * owner)),
  keys: Array.from({ length: 1000 }, (_, at) => (at % 4 === 0 ? 'red' : 'blue')),
}));
const all = tables.flatMap(({ values }) => [...values]);

const codec = planCodec({ clipNorm: 1, cohortMax: 3, weightMax: 1, counters: 0, width: 32 });
const ids = [1, 2, 3].map((at) => new Uint8Array(16).fill(at));

/** As the protocol does it: masks of pairs, masks of each, and the latter taken away from the sum. */
async function securely(vectors: readonly Int32Array<ArrayBuffer>[]) {
  const length = vectors[0]?.length ?? 0;
  const maker = { primitives, keyStream: 'chacha20' as const, layout: layoutOf(codec, length) };
  const seeds = ids.map(() => randomBytes(primitives.random, 32));
  const pairs = new Map<string, Uint8Array>();
  const between = (a: number, b: number) => {
    const key = [a, b].sort().join();
    const seed = pairs.get(key) ?? randomBytes(primitives.random, 32);
    pairs.set(key, seed);
    return seed;
  };
  const sum = new RingSum(codec, length);
  const sent: Int32Array[] = [];
  for (const [at, vector] of vectors.entries()) {
    const integers: UpdateIntegers = { coordinates: vector.slice(), secondBlock: Uint32Array.of(1) };
    const masks: Mask[] = [{ seed: seeds[at] as Uint8Array, sign: 1 }];
    for (const other of vectors.keys())
      if (other !== at)
        masks.push({
          seed: between(at, other),
          sign: pairSign(ids[at] as Uint8Array, ids[other] as Uint8Array),
        });
    await addMasks(integers, masks, maker);
    sent.push(integers.coordinates.slice());
    sum.add(packIntegers(integers, codec));
  }
  await addMasks(
    sum.integers,
    seeds.map((seed) => removing({ seed, sign: 1 })),
    maker,
  );
  return { sum: Int32Array.from(sum.integers.coordinates), sent };
}

describe.each(Object.keys(plans))('%s', (name) => {
  const plan = plans[name] as SecureStatisticPlan;
  const contributions = tables.map((table, at) => localContribution(plan, table, random(at)));

  test('the masked sum of three owners is that of their contributions, to the bit, and says what it should', async () => {
    const { sum, sent } = await securely(contributions);
    const plain = contributions.reduce((total, one) => total.map((x, at) => x + (one[at] as number)));
    expect(sum).toEqual(plain);
    expect(sent[0]).not.toEqual(contributions[0]);
    const { value, buckets, deviation = 1 } = openStatistics(plan, sum, 3);
    const within = 5 * deviation;
    const truth = {
      count: 3000,
      sum: all.reduce((total, x) => total + x, 0),
      mean: all.reduce((total, x) => total + x, 0) / 3000,
      quantile: [...all].sort((a, b) => a - b)[1500],
    }[name];
    if (truth !== undefined) expect(Math.abs((value ?? NaN) - truth)).toBeLessThan(within);
    const between = (from: number, to: number) => all.filter((x) => x >= from && x < to).length;
    const counts = {
      histogram: [between(0, 25), between(25, 50), between(50, 75), between(75, 100)],
      categories: [750, 2250],
    }[name];
    expect(buckets?.length).toBe(counts?.length);
    buckets?.forEach(({ count }, at) => {
      expect(Math.abs(count - (counts?.[at] ?? NaN))).toBeLessThan(within);
    });
  });

  test('costs epsilon if only the honest survivors added noise, and more if they were fewer', () => {
    expect(rdpEpsilon(plan.event, 'add-or-remove-one', DELTA)).toBeLessThanOrEqual(1);
    expect(rdpEpsilon(plan.event, 'add-or-remove-one', DELTA)).toBeGreaterThan(0.9);
    const fewer = planSecureStatistic(QUESTIONS[name] as StatisticQuestion, DELTA, { ...OWNERS, honest: 1 });
    expect(fewer.sigma / plan.sigma).toBeCloseTo(Math.SQRT2, 1);
  });

  test('each owner adds its share of the noise: its law, and not that of half', () => {
    const source = random(9);
    const nothing = tableOf([]);
    const draws = Array.from({ length: Math.ceil(3000 / plan.dimension) }, () => [
      ...localContribution(plan, { ...nothing, keys: [] }, source),
    ]).flat();
    const width = Math.max(1, Math.round(plan.sigma / 4));
    const law = new Map<number, number>();
    let total = 0;
    const reach = Math.ceil(8 * plan.sigma);
    for (let x = -reach; x <= reach; x += 1) {
      const weight = Math.exp(-((x / plan.sigma) ** 2) / 2);
      law.set(Math.floor(x / width), (law.get(Math.floor(x / width)) ?? 0) + weight);
      total += weight;
    }
    for (const [cell, weight] of law) law.set(cell, weight / total);
    expect(
      chiSquareRatio(
        draws.map((x) => Math.floor(x / width)),
        law,
      ),
    ).toBeLessThan(1);
    expect(
      chiSquareRatio(
        draws.map((x) => Math.floor(x / 2 / width)),
        law,
      ),
    ).toBeGreaterThan(3);
  });
});

test('a person more or less changes the vector of an owner by at most the norm', () => {
  const exactOf = (plan: SecureStatisticPlan, column: ReturnType<typeof tableOf>) => {
    const vector = new Float64Array(plan.dimension);
    const keys = [...column.values].map((x) => (x > 0 ? 'red' : 'blue'));
    plan.fill(vector, { ...column, keys }, random(1));
    return vector;
  };
  fc.assert(
    fc.property(anyTable, fc.constantFrom(...Object.keys(plans)), (column, name) => {
      const plan = plans[name] as SecureStatisticPlan;
      // With one row of each other person nothing is left to chance.
      const seen = new Set(['a']);
      const rows = column.persons.flatMap((person, row) => {
        if (person !== 'a' && seen.has(person)) return [];
        seen.add(person);
        return [[person, column.values[row] ?? NaN] as const];
      });
      const whole = tableOf(rows);
      const [ours, theirs] = [exactOf(plan, whole), exactOf(plan, without(whole, 'a'))];
      const change = ours.map((x, at) => x - (theirs[at] as number));
      expect(Math.hypot(...change)).toBeLessThanOrEqual(plan.norm * (1 + 1e-12));
    }),
  );
});

test('an owner with more than fits is cut, and no sum leaves its 32 bits', () => {
  const plan = planSecureStatistic({ statistic: 'sum', epsilon: 1, maxRows: 1, ...grid }, DELTA, {
    ...OWNERS,
    most: 1000,
  });
  const count = 30_000;
  const rich = tableOf(Array.from({ length: count }, (_, at) => [`p${at}`, 100] as const));
  const [value = 0] = localContribution(plan, { ...rich, keys: [] }, random(1));
  expect(value).toBeLessThan((2 ** 31 - 1) / 1000);
  expect(value).toBeGreaterThan((2 ** 31 - 1) / 1000 - 32 * plan.sigma);
});

test.each<[string, () => unknown, () => unknown]>([
  [
    'names that nobody listed',
    () => planSecureStatistic({ statistic: 'keys', epsilon: 1, delta: DELTA, maxBuckets: 1 }, DELTA, OWNERS),
    () => planSecureStatistic(QUESTIONS.categories as StatisticQuestion, DELTA, OWNERS),
  ],
  [
    'nobody honest',
    () => planSecureStatistic(QUESTIONS.count as StatisticQuestion, DELTA, { ...OWNERS, honest: 0 }),
    () => planSecureStatistic(QUESTIONS.count as StatisticQuestion, DELTA, { ...OWNERS, honest: 1 }),
  ],
  [
    'more honest ones than there are',
    () => planSecureStatistic(QUESTIONS.count as StatisticQuestion, DELTA, { ...OWNERS, honest: 4 }),
    () => planSecureStatistic(QUESTIONS.count as StatisticQuestion, DELTA, { ...OWNERS, honest: 3 }),
  ],
  [
    'no delta',
    () => planSecureStatistic(QUESTIONS.count as StatisticQuestion, 0, OWNERS),
    () => planSecureStatistic(QUESTIONS.count as StatisticQuestion, 1e-9, OWNERS),
  ],
  [
    'a tree too large',
    () =>
      planSecureStatistic(
        { ...(QUESTIONS.quantile as object), step: 0.001 } as StatisticQuestion,
        DELTA,
        OWNERS,
      ),
    () =>
      planSecureStatistic(
        { ...(QUESTIONS.quantile as object), step: 0.01 } as StatisticQuestion,
        DELTA,
        OWNERS,
      ),
  ],
])('%s is refused', (_, bad, good) => {
  expect(bad).toThrow(expect.objectContaining({ code: 'statisticRefused' }));
  expect(good).not.toThrow();
});

test('a grid too fine for a table of the noise is refused, a coarser one is not; a person at two owners takes twice the noise', () => {
  const sum = (step: number) => () =>
    planSecureStatistic(
      { statistic: 'sum', epsilon: 1, maxRows: 1, lower: 0, upper: 100, step },
      DELTA,
      OWNERS,
    );
  expect(sum(0.01)).toThrow(expect.objectContaining({ code: 'noiseTableTooLarge' }));
  expect(sum(0.5)).not.toThrow();
  const twice = planSecureStatistic(QUESTIONS.count as StatisticQuestion, DELTA, { ...OWNERS, perPerson: 2 });
  expect(twice.sigma / (plans.count?.sigma ?? NaN)).toBeCloseTo(2, 1);
});
