// covers: protocol/dp/check-privacy.ts, protocol/dp/counted-parties.ts, protocol/dp/plan-noise.ts, protocol/dp/rdp-distributed.ts, protocol/dp/rdp-curve.ts
import fc from 'fast-check';
import { beforeAll, describe, expect, test } from 'vitest';
import { authorJob, type JobPlan, type PlannedPromise } from '../../../client/author-job.ts';
import { checkPrivacy } from '../../../protocol/dp/check-privacy.ts';
import { countedParties } from '../../../protocol/dp/counted-parties.ts';
import {
  costOfRounds,
  epsilonOfJob,
  jobPrivacy,
  lotSlack,
  roundEvent,
  sensitivityOf,
} from '../../../protocol/dp/job-privacy.ts';
import { type NoisePlan, planNoise } from '../../../protocol/dp/plan-noise.ts';
import { pldEpsilon } from '../../../protocol/dp/pld-accountant.ts';
import { rdpEpsilon } from '../../../protocol/dp/rdp-accountant.ts';
import { isProblem } from '../../../protocol/problem.ts';
import { checkCodec, noiseReach } from '../../../protocol/ring/width.ts';
import type { Codec } from '../../../schemas/codec.ts';
import type { TrainingManifest } from '../../../schemas/job.ts';
import { smallPlan } from '../../fixtures/small-job.ts';

const LOTS: NoisePlan = {
  noise: 'discreteGaussian',
  clipNorm: 1,
  parameters: 199_210,
  cohortMax: 10,
  parties: 5,
  rounds: 80,
  weightMax: 65_536,
  batchSize: 64,
  rate: 0.05,
  delta: 1e-5,
  epsilon: 2,
};

describe('planned noise', () => {
  test('costs what was asked, hardly less, and the sum of all has room', () => {
    const plans = fc.record({
      noise: fc.constantFrom('discreteGaussian' as const, 'skellam' as const),
      parameters: fc.integer({ min: 10, max: 500_000 }),
      parties: fc.integer({ min: 1, max: 100 }),
      cohortMax: fc.integer({ min: 100, max: 200 }),
      rounds: fc.integer({ min: 1, max: 300 }),
      rate: fc.option(fc.double({ min: 0.001, max: 1, noNaN: true }), { nil: undefined }),
      epsilon: fc.double({ min: 0.3, max: 10, noNaN: true }),
    });
    let planned = 0;
    fc.assert(
      fc.property(plans, ({ rate, ...some }) => {
        const plan = { ...LOTS, rate: 1, ...some, ...(rate !== undefined && { rate }) };
        const made = planned;
        try {
          planNoise(plan);
          planned += 1;
        } catch (error) {
          // Little of a large model's budget, and few to share the noise.
          if (!isProblem(error, 'noiseTableTooLarge')) throw error;
        }
        if (made === planned) return;
        const { codec, epsilon } = planNoise(plan);
        expect(epsilon).toBeLessThanOrEqual(plan.epsilon);
        expect(epsilon).toBeGreaterThan(0.99 * plan.epsilon);
        expect(codec.noise?.sigma).toBeGreaterThanOrEqual(16);
        expect(codec.noise?.sigma).toBeLessThanOrEqual(4096);
        checkCodec(codec, plan.cohortMax);
      }),
      { numRuns: 25, seed: 7 },
    );
    expect(planned).toBeGreaterThan(8);
  });

  test('is what a Gaussian of the same multiplier costs, but for the grid', () => {
    const { codec } = planNoise(LOTS);
    const noise = codec.noise;
    if (!noise) throw new Error('no noise');
    const mechanics = { codec, parameters: LOTS.parameters, batchSize: 64, parties: 5 };
    const noiseMultiplier = (noise.sigma * Math.sqrt(5)) / sensitivityOf(mechanics);
    const gaussian = {
      type: 'repeat',
      count: 80,
      event: { type: 'poisson', q: 0.05, event: { type: 'gaussian', noiseMultiplier } },
    } as const;
    // The table of orders that sampled integers have is coarser: integers alone.
    const epsilon = epsilonOfJob({ type: 'repeat', count: 80, event: roundEvent(mechanics, noise) }, 1e-5);
    expect(epsilon).toBeGreaterThanOrEqual(rdpEpsilon(gaussian, 'replace-special', 1e-5));
    expect(epsilon).toBeLessThan(1.02 * rdpEpsilon(gaussian, 'replace-special', 1e-5));
    expect(epsilon).toBeGreaterThan(pldEpsilon(gaussian, 'replace-special', 1e-5));
  });

  test('fewer on whom one can count need more noise each', () => {
    const sigma = (parties: number) =>
      planNoise({ ...LOTS, parameters: 1000, parties }).codec.noise?.sigma ?? 0;
    expect(sigma(4) / sigma(8)).toBeCloseTo(Math.SQRT2, 4);
  });

  test('what cannot be: no noise is enough, or none has a table', () => {
    const code = (plan: Partial<NoisePlan>) => {
      try {
        planNoise({ ...LOTS, ...plan });
        return undefined;
      } catch (error) {
        return isProblem(error) ? error.code : error;
      }
    };
    expect(code({})).toBeUndefined();
    // Lots that are too large, and sums that are too long, cost 2e-12 a round already.
    expect(code({ delta: 1e-10 })).toBe('budgetUnreachable');
    expect(code({ parameters: 50_000_000, parties: 1 })).toBe('noiseTableTooLarge');
    expect(code({ parameters: 50_000_000, parties: 100 })).toBeUndefined();
    expect(code({ cohortMax: 10_000_000 })).toBe('ringOverflow');
  });
});

test('sums in float32 cost little, and more in large batches', () => {
  expect(lotSlack(64)).toBeLessThan(1e-3);
  // Within a batch, and of the batches of a run.
  expect(lotSlack(64)).toBeGreaterThan(2 * (64 * 64 + 8 * 8 * 64) * 2 ** -24);
  expect(lotSlack(512)).toBeGreaterThan(lotSlack(64));
});

describe('a manifest with a promise', () => {
  const promise = (more: Partial<PlannedPromise> = {}): PlannedPromise => ({
    ...{ unit: 'example', noise: 'discreteGaussian', epsilon: 3, delta: 1e-5, rate: 0.1 },
    ...more,
  });
  const plan = (privacy: PlannedPromise, more: Partial<JobPlan> = {}): JobPlan => ({
    ...smallPlan({ training: { ...smallPlan().training, learningRate: 1, epochs: 1 } }),
    ...{ cohort: { size: 6, minimum: 5 }, clipNorm: 1, privacy },
    aggregation: { suite: 1, colluders: 2, answerSeconds: 10 },
    ...more,
  });
  let example: TrainingManifest;
  let participant: TrainingManifest;

  beforeAll(async () => {
    example = (await authorJob(plan(promise()), 'fed-0123456789abcdef')).manifest;
    const { rate: _, ...ofAll } = promise({ unit: 'participant', force: true });
    participant = (await authorJob(plan(ofAll, { weighting: 'uniform' }), 'fed-0123456789abcdef')).manifest;
  });

  test('counts on the noise of the survivors that are sure, without those who may collude', () => {
    expect(countedParties(example)).toBe(3);
    expect(jobPrivacy(example)).toMatchObject({
      unit: 'example',
      neighbouring: 'replace-special',
      parties: 3,
    });
    expect(countedParties({ ...example, aggregation: 'plain' })).toBe(1);
  });

  test('states no less than the accountant finds, and hardly more', () => {
    for (const manifest of [example, participant]) {
      const privacy = jobPrivacy(manifest);
      if (!privacy) throw new Error('no promise');
      const epsilon = epsilonOfJob(privacy.total, 1e-5);
      expect(manifest.privacy?.epsilonServer).toBeGreaterThanOrEqual(epsilon);
      expect(manifest.privacy?.epsilonServer).toBeLessThan(epsilon + 2e-6);
      expect(manifest.privacy?.epsilonModel).toBe(manifest.privacy?.epsilonServer);
    }
  });

  test('costs more with every round, and after all of them what it states', () => {
    const privacy = jobPrivacy(example);
    if (!privacy) throw new Error('no promise');
    const cost = costOfRounds(privacy);
    const spent = [0, 1, 2, 3].map(cost);
    expect(spent[0]).toBe(0);
    expect(spent).toEqual(spent.toSorted((a, b) => a - b));
    expect(new Set(spent).size).toBe(4);
    expect(cost(example.rounds)).toBeCloseTo(epsilonOfJob(privacy.total, privacy.delta), 12);
  });

  test('a job without one has none', () => {
    const { privacy: _, ...rest } = example;
    expect(jobPrivacy({ ...rest, privacyUnit: 'none' })).toBeUndefined();
  });

  const scaled = (codec: Codec, by: number) => ({
    ...codec,
    clipNorm: codec.clipNorm * by,
    grid: codec.grid * by,
  });
  const { noise: _n, ...noiseless } = planNoise(LOTS).codec;
  const contradictions: readonly (readonly [
    where: string,
    change: (job: TrainingManifest) => Partial<TrainingManifest>,
    unit?: 'participant',
  ])[] = [
    ['privacy', ({ privacy: _ }) => ({ privacy: undefined as never })],
    ['privacy', () => ({ privacyUnit: 'none' })],
    ['codec.noise', ({ codec: { noise: _, ...codec } }) => ({ codec })],
    ['codec.lot', ({ codec: { lot: _, ...codec } }) => ({ codec })],
    ['codec.rotation', ({ codec }) => ({ codec: { ...codec, rotation: { block: 2, bound: 1 } } })],
    ['weighting', () => ({ weighting: 'uniform' })],
    // In proportion, as D is: what float32 makes of it is another matter.
    ['codec.clipNorm', ({ codec }) => ({ codec: scaled(codec, 2 ** -41 / codec.clipNorm) })],
    ['codec.clipNorm', ({ codec }) => ({ codec: scaled(codec, 2 ** 61 / codec.clipNorm) })],
    ['training.epochs', ({ training }) => ({ training: { ...training, epochs: 2 } })],
    ['training.learningRate', ({ training }) => ({ training: { ...training, learningRate: 0.5 } })],
    ['training.learningRateDecay', ({ training }) => ({ training: { ...training, learningRateDecay: 0.5 } })],
    ['training.maxSteps', ({ training }) => ({ training: { ...training, maxSteps: 3 } })],
    ['training.gradientClip', ({ training }) => ({ training: { ...training, gradientClip: 3 } })],
    [
      'training.optimizer',
      ({ training }) => ({ training: { ...training, optimizer: { type: 'momentum', momentum: 0.9 } } }),
    ],
    ['privacy.epsilonServer', ({ privacy }) => ({ privacy: { ...privacy, epsilonServer: 2.9 } as never })],
    ['privacy.epsilonModel', ({ privacy }) => ({ privacy: { ...privacy, epsilonModel: 0.1 } as never })],
    ['privacy.epsilonServer', ({ rounds }) => ({ rounds: rounds + 1 })],
    ['privacy.epsilonServer', ({ codec }) => ({ codec: { ...codec, clipNorm: 2 } })],
    ['privacy.epsilonServer', ({ privacy }) => ({ privacy: { ...privacy, delta: 1e-7 } as never })],
    ['privacy.epsilonServer', () => ({ aggregation: 'plain' })],
    ['weighting', () => ({ weighting: 'examples' }), 'participant'],
    ['codec.lot', ({ codec }) => ({ codec: { ...codec, lot: { rate: 1, bound: 9 } } }), 'participant'],
  ];

  const named = contradictions.map(([where, change, unit]) => ({ where, change, unit }));
  test.each(named)('is refused for a contradiction in $where', ({ where, change, unit }) => {
    const job = unit ? participant : example;
    expect(() => checkPrivacy(job)).not.toThrow();
    expect(() => checkPrivacy({ ...job, ...change(job) })).toThrow(
      expect.objectContaining({ code: 'manifestInvalid', detail: expect.objectContaining({ where }) }),
    );
  });

  test('noise without a promise is refused too', () => {
    const { privacy: _, ...rest } = participant;
    const none = { ...rest, privacyUnit: 'none' } as const;
    expect(() => checkPrivacy(none)).toThrow(
      expect.objectContaining({ detail: expect.objectContaining({ where: 'codec.noise' }) }),
    );
    const { lot: _l, ...plain } = noiseless;
    expect(() => checkPrivacy({ ...none, codec: plain })).not.toThrow();
    expect(() => checkPrivacy({ ...none, codec: noiseless })).toThrow(
      expect.objectContaining({ detail: expect.objectContaining({ where: 'codec.lot' }) }),
    );
  });

  test('noise takes room in the ring', () => {
    expect(noiseReach({ sigma: 16.01 })).toBe(161);
    const { codec } = participant;
    const most = (2 ** (codec.width - 1) - 1) / 6;
    expect(() => checkCodec(codec, 6)).not.toThrow();
    const noise = { type: 'discreteGaussian', sigma: most / 10 } as const;
    expect(() => checkCodec({ ...codec, noise }, 6)).toThrow(
      expect.objectContaining({ code: 'ringOverflow' }),
    );
  });
});
