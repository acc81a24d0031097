import { expect, test } from 'vitest';
import { withFittingGrid } from '../../../../protocol/dp/statistics/fitting-grid.ts';
import { planOfStatistic, type StatisticTerms } from '../../../../protocol/dp/statistics/statistic-job.ts';
import type { StatisticQuestion } from '../../../../schemas/statistic-question.ts';

const termsOf = (question: StatisticQuestion, size = 3): StatisticTerms => ({
  statistic: { question, column: 'age' },
  cohort: { size, minimum: size },
  aggregation: 'secure',
  secureAggregation: { suite: 1, colluders: 0, answerSeconds: 60 },
});
const fitted = (question: StatisticQuestion, size?: number) => withFittingGrid(termsOf(question, size), 1e-6);
const mean = { statistic: 'mean', epsilon: 0.5, maxRows: 1, lower: 0, upper: 110 } as const;
const refusal = (code: string) => expect.objectContaining({ code });

test('the finest grid for which there is noise, on which both bounds lie', () => {
  expect(() => planOfStatistic(termsOf(mean), 1e-6)).toThrow(refusal('noiseTableTooLarge'));
  const question = fitted(mean);
  const { step = 0 } = question as { step?: number };
  expect(110 / step).toBeCloseTo(Math.round(110 / step), 9);
  expect(() => planOfStatistic(termsOf(question), 1e-6)).not.toThrow();
  // Every finer one has no noise, or has a bound beside it.
  for (const finer of [0.1, 0.2, 0.5, 1, 2, 5, 10].filter((one) => one < step))
    expect(() => planOfStatistic(termsOf({ ...mean, step: finer }), 1e-6)).toThrow();
  expect(fitted({ ...mean, epsilon: 9 })).toMatchObject({ step: 0.1 });
  expect(fitted({ ...mean, upper: 110.5 })).toMatchObject({ step: 0.5 });
  expect(fitted({ ...mean, statistic: 'quantile', quantile: 0.5 })).toMatchObject({ step: 0.1 });
});

test('what has a grid, or takes none, or has no room for any, is left as it is', () => {
  const unchanged: StatisticQuestion[] = [
    { ...mean, step: 0.1 },
    { statistic: 'count', epsilon: 1, maxRows: 1 },
    { ...mean, epsilon: 2 ** -16 },
  ];
  for (const question of unchanged) expect(fitted(question)).toBe(question);
  expect(() => fitted({ ...mean, lower: 5, upper: 1 })).toThrow(refusal('statisticRefused'));
  expect(fitted({ ...mean, lower: 1, upper: 5 })).toHaveProperty('step');
});
