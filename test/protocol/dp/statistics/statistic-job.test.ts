import { describe, expect, test } from 'vitest';
import { authorStatistic, type StatisticPlan } from '../../../../client/author-statistic.ts';
import { checkPrivacy } from '../../../../protocol/dp/check-privacy.ts';
import { jobPrivacy } from '../../../../protocol/dp/job-privacy.ts';
import { rdpEpsilon } from '../../../../protocol/dp/rdp-accountant.ts';
import { fixedTerms, planOfStatistic } from '../../../../protocol/dp/statistics/statistic-job.ts';
import { parse } from '../../../../protocol/parse.ts';
import { isProblem } from '../../../../protocol/problem.ts';
import { checkCodec } from '../../../../protocol/ring/width.ts';
import { JobManifest, type StatisticManifest } from '../../../../schemas/job.ts';

const PLAN: StatisticPlan = {
  ...{ name: 'ages', purpose: 'testing', unit: 'person', delta: 1e-6 },
  statistic: {
    question: { statistic: 'histogram', epsilon: 1, maxBuckets: 1, edges: [0, 18, 65, 110] },
    column: 'age',
  },
  cohort: { size: 6, minimum: 5 },
  secureAggregation: { suite: 1, colluders: 1, answerSeconds: 60 },
  deadlines: { collectSeconds: 60, evaluateSeconds: 60 },
  maxAttempts: 3,
};
const authored = async (plan: Partial<StatisticPlan> = {}) =>
  (await authorStatistic({ ...PLAN, ...plan }, 'fed-0123456789abcdef')).manifest;

test('a manifest follows from its question, and costs what noise of the fewest honest owners costs', async () => {
  const manifest = await authored();
  expect(parse(JobManifest, JSON.parse(JSON.stringify(manifest)), 'manifest')).toEqual(manifest);
  const plan = planOfStatistic(manifest, 1e-6);
  expect(manifest).toMatchObject(fixedTerms(plan));
  expect(plan.owners).toEqual({ most: 6, honest: 4, perPerson: 1 });
  checkCodec(manifest.codec, 6);
  const promised = jobPrivacy(manifest);
  expect(promised).toMatchObject({ unit: 'person', neighbouring: 'replace-special', times: 1, parties: 4 });
  const shares = {
    type: 'distributedDiscreteGaussian',
    norm: plan.norm,
    dimension: 3,
    sigma: plan.sigma,
    parties: 4,
  } as const;
  const epsilon = rdpEpsilon(shares, 'replace-special', 1e-6);
  expect(manifest.privacy?.epsilonServer).toBeGreaterThanOrEqual(epsilon);
  expect(manifest.privacy?.epsilonServer).toBeLessThan(1.001);
  expect(epsilon).toBeGreaterThan(0.98);
});

describe('is refused', () => {
  test.each<
    [what: string, change: (manifest: StatisticManifest) => Partial<StatisticManifest>, where: string]
  >([
    [
      'figures that are too good',
      () => ({ privacy: { delta: 1e-6, epsilonServer: 0.9, epsilonModel: 1 } }),
      'privacy.epsilonServer',
    ],
    [
      'less noise than is asked for',
      ({ statistic }) => ({ statistic: { ...statistic, question: { ...statistic.question, epsilon: 3 } } }),
      'privacy.epsilonServer',
    ],
    ['plain sums', () => ({ aggregation: 'plain' }), 'aggregation'],
    ['another unit', () => ({ privacyUnit: 'participant' }), 'privacyUnit'],
    ['no promise', ({ privacyUnit: _, ...rest }) => ({ ...rest, privacyUnit: 'none' }), 'privacyUnit'],
    [
      'a coordinator that is trusted',
      () => ({ privacy: { delta: 1e-6, epsilonModel: 1, centralNoise: { type: 'gaussian', sigma: 20 } } }),
      'privacy',
    ],
    ['another length', () => ({ parameters: 4 }), 'parameters'],
    ['another grid', ({ codec }) => ({ codec: { ...codec, grid: 2 } }), 'codec'],
    ['more rounds', () => ({ rounds: 2 }), 'rounds'],
    ['a measured model', () => ({ evaluateEvery: 1 }), 'evaluateEvery'],
    ['weights', () => ({ weighting: 'examples' }), 'weighting'],
    [
      'a delta of the question',
      ({ statistic }) => ({
        statistic: { ...statistic, question: { ...statistic.question, delta: 1e-3 } as never },
      }),
      'statistic.question.delta',
    ],
  ])('with %s', async (_, change, where) => {
    const manifest = await authored();
    expect(() => checkPrivacy(manifest)).not.toThrow();
    expect(() => checkPrivacy({ ...manifest, ...change(manifest) } as StatisticManifest)).toThrow(
      expect.objectContaining({ code: 'manifestInvalid', detail: expect.objectContaining({ where }) }),
    );
  });

  test.each<[code: string, plan: Partial<StatisticPlan>]>([
    [
      'statisticRefused',
      { statistic: { column: 'c', question: { statistic: 'keys', epsilon: 1, delta: 1e-6, maxBuckets: 1 } } },
    ],
    [
      'statisticRefused',
      { statistic: { column: 'c', question: { statistic: 'count', epsilon: -1, maxRows: 1 } } },
    ],
    [
      'statisticRefused',
      {
        statistic: {
          column: 'c',
          question: { statistic: 'sum', epsilon: 1, maxRows: 1, lower: 0, upper: 1e9, step: 1e-9 },
        },
      },
    ],
    [
      'noiseTableTooLarge',
      {
        statistic: {
          column: 'c',
          question: { statistic: 'sum', epsilon: 0.01, maxRows: 1, lower: 0, upper: 10_000, step: 1 },
        },
      },
    ],
    ['manifestInvalid', { cohort: { size: 2, minimum: 2 } }],
  ])('before there is a job: %s', async (code, plan) => {
    await expect(authored()).resolves.toBeDefined();
    const refused = await authored(plan).catch((error: unknown) => error);
    expect(isProblem(refused) ? refused.code : refused).toBe(code);
  });
});
