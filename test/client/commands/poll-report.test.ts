import { expect, test } from 'vitest';
import { authorStatistic } from '../../../client/author-statistic.ts';
import { reportPoll } from '../../../client/commands/poll-report.ts';
import type { StatisticQuestion } from '../../../schemas/statistic-question.ts';

async function report(question: StatisticQuestion) {
  const { manifest } = await authorStatistic(
    {
      ...{ name: 'ages', purpose: 'testing', unit: 'person', delta: 1e-6, maxAttempts: 3 },
      statistic: { question, column: 'age' },
      cohort: { size: 3, minimum: 3 },
      secureAggregation: { suite: 1, colluders: 0, answerSeconds: 60 },
      deadlines: { collectSeconds: 60, evaluateSeconds: 60 },
    },
    'fed-0123456789abcdef',
  );
  return reportPoll('job-0123456789abcdef', manifest, { value: 41, count: 300, deviation: 1.5, owners: 3 });
}

test('an answer is told with its noise, its price, whom that protects, and the grid that was chosen', async () => {
  const { lines, result } = await report({
    ...{ statistic: 'mean', epsilon: 0.5, maxRows: 1, lower: 0, upper: 110 },
  });
  expect(lines).toEqual([
    'mean of age: 41, noise of deviation 1.5',
    '  of about 300 rows',
    'of 3 owners, whose single answers nobody has seen',
    'promise: epsilon 0.5, delta 0.000001, to each person at an owner (zero-out), against the coordinator, the other owners and who reads this',
    'bounded: at most 1 of the rows of a person count, chosen at random',
    'bounded: values are clamped to 0..110 and rounded to multiples of 0.2',
    'bounded: rows without a number are left out',
    'bounded: how many rows this concerned is not told',
  ]);
  expect(result).toMatchObject({
    ...{ jobId: 'job-0123456789abcdef', statistic: 'mean', column: 'age', value: 41, owners: 3 },
    ...{ epsilon: 0.5, delta: 1e-6, unit: 'person', neighbouring: 'replace-special' },
    asked: { lower: 0, upper: 110, step: 0.2 },
  });
});

test('a question without bounds speaks of no grid', async () => {
  const { lines } = await report({ statistic: 'count', epsilon: 1, maxRows: 1 });
  expect(lines.join('\n')).not.toMatch(/multiples|undefined/);
});
