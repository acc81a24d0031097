// covers: client/privacy-budget.ts, protocol/dp/statistics/plan-statistic.ts, schemas/statistic-question.ts
/** What comes before what: nothing is read before it is paid for, nothing is noised before it is spent. */
import { describe, expect, test } from 'vitest';
import { askStatistic } from '../../client/ask-statistic.ts';
import type { PrivacyBudget } from '../../client/privacy-budget.ts';
import { rdpEpsilon } from '../../protocol/dp/rdp-accountant.ts';
import { planStatistic } from '../../protocol/dp/statistics/plan-statistic.ts';
import { HanseError } from '../../protocol/problem.ts';
import type { StatisticQuestion } from '../../schemas/statistic-question.ts';
import { random } from '../protocol/dp/statistics/tables.ts';

const table = {
  persons: Array.from({ length: 500 }, (_, at) => `p${at}`),
  values: Float64Array.from({ length: 500 }, (_, at) => at % 100),
  keys: Array.from({ length: 500 }, (_, at) => ['red', 'blue', 'blue'][at % 3]),
};
const count: StatisticQuestion = { statistic: 'count', epsilon: 1, maxRows: 1 };

/** Notes what happens; fails at the step that is named. */
async function asked(question: StatisticQuestion, failing?: string) {
  const steps: string[] = [];
  const step = (name: string) => {
    steps.push(name);
    if (name === failing) throw new HanseError('overloaded');
  };
  const budget: PrivacyBudget = {
    async reserve({ event, neighbouring, unit }) {
      step(`reserve ${event.type} ${neighbouring} ${unit}`);
      return {
        draw: async () => step('draw'),
        settle: async () => {
          steps.push('settle');
        },
      };
    },
  };
  const told = await askStatistic({
    question,
    budget,
    table: async () => {
      step('read');
      return table;
    },
    random: {
      fill(target) {
        if (steps.at(-1) !== 'noise') step('noise');
        random(1).fill(target);
      },
    },
    dataSet: 'visits',
    name: 'a count',
    purpose: 'a test',
  }).catch((error: unknown) => error);
  return { steps, told };
}

const RESERVED = 'reserve discreteLaplace add-or-remove-one person';

test('reserve, read, draw, noise, settle', async () => {
  const { steps, told } = await asked(count);
  expect(steps).toEqual([RESERVED, 'read', 'draw', 'noise', 'settle']);
  expect(told).toMatchObject({ unit: 'person', neighbouring: 'add-or-remove-one', event: { a: 1 } });
});

test.each([
  [RESERVED, [RESERVED]],
  ['read', [RESERVED, 'read', 'settle']],
  ['draw', [RESERVED, 'read', 'draw', 'settle']],
  ['noise', [RESERVED, 'read', 'draw', 'noise', 'settle']],
])('what fails at %s goes no further, and is settled', async (failing, expected) => {
  const { steps, told } = await asked(count, failing);
  expect(steps).toEqual(expected);
  expect(told).toMatchObject({ code: 'overloaded' });
});

test('a person whose rows have no value counts as one who is not there', () => {
  const { answer } = planStatistic({ ...count, epsilon: 50 });
  const gone = (value: number) => ({ ...table, values: table.values.with(0, value) });
  expect(answer(gone(Number.NaN), random(1)).value).toBe(499);
  expect(answer(gone(5), random(1)).value).toBe(500);
});

test('a question that cannot be asked costs nothing', async () => {
  const { steps, told } = await asked({ ...count, epsilon: 1000 });
  expect(steps).toEqual([]);
  expect(told).toMatchObject({ code: 'statisticRefused' });
});

const grid = { lower: 0, upper: 100 };
const QUESTIONS: Readonly<Record<StatisticQuestion['statistic'], StatisticQuestion>> = {
  count,
  sum: { statistic: 'sum', epsilon: 1, maxRows: 1, ...grid },
  mean: { statistic: 'mean', epsilon: 1, maxRows: 1, ...grid },
  quantile: { statistic: 'quantile', epsilon: 1, maxRows: 1, ...grid, step: 1, quantile: 0.25 },
  histogram: { statistic: 'histogram', epsilon: 1, maxBuckets: 1, edges: [0, 50, 100] },
  categories: { statistic: 'categories', epsilon: 1, delta: 1e-6, maxBuckets: 1, names: ['red', 'green'] },
  keys: { statistic: 'keys', epsilon: 1, delta: 1e-6, maxBuckets: 1 },
};

describe.each(Object.values(QUESTIONS))('$statistic', (question) => {
  const { event, answer, grid: used } = planStatistic(question);

  test('costs epsilon', () => {
    expect(rdpEpsilon(event, 'add-or-remove-one', 1e-6 * 1.001)).toBeLessThanOrEqual(1.01);
    expect(used !== undefined).toBe('lower' in question);
  });

  test('is near the truth', () => {
    const { value, buckets, count: rows } = answer(table, random(7));
    const truth = { count: 500, sum: 24_750, mean: 49.5, quantile: 25 }[question.statistic as string];
    if (truth !== undefined) expect(Math.abs(Number(value) / truth - 1)).toBeLessThan(0.1);
    const counts = {
      histogram: { '[0, 50)': 250, '[50, 100)': 250 },
      categories: { red: 167, green: 0 },
      keys: { blue: 333, red: 167 },
    }[question.statistic as string];
    expect(buckets?.map(({ name }) => name)).toEqual(counts && Object.keys(counts));
    for (const { name, count: told } of buckets ?? [])
      expect(Math.abs(told - ((counts as Record<string, number>)[name] ?? NaN))).toBeLessThan(30);
    if (question.statistic === 'mean') expect(Math.abs((rows ?? 0) - 500)).toBeLessThan(30);
  });
});
