import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { authorJob, type JobPlan, type PlannedPromise } from '../../../client/author-job.ts';
import { centralReach, drawsOfRounds, endsTree, treeStep } from '../../../protocol/dp/central-noise.ts';
import { checkPrivacy } from '../../../protocol/dp/check-privacy.ts';
import { epsilonOfJob, jobPrivacy, sensitivityOf } from '../../../protocol/dp/job-privacy.ts';
import { rdpEpsilon } from '../../../protocol/dp/rdp-accountant.ts';
import { nodesOf } from '../../../protocol/dp/tree-aggregation.ts';
import type { DpEvent } from '../../../schemas/dp-event.ts';
import type { TrainingManifest } from '../../../schemas/job.ts';
import { smallPlan } from '../../fixtures/small-job.ts';

const TREE = { type: 'gaussianTree', sigma: 100, rounds: 6 } as const;

describe('the nodes of a round', () => {
  test('added up over the rounds of a tree they are those that its sums carry', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 64 }), fc.integer({ min: 1, max: 200 }), (rounds, last) => {
        const held = new Set<string>();
        for (let round = 1; round <= last; round += 1) {
          const { tree, added, removed } = treeStep({ ...TREE, rounds }, round);
          if ((round - 1) % rounds === 0) held.clear(); // a tree of its own
          expect(tree).toBe(Math.floor((round - 1) / rounds));
          for (const { level, index } of removed) expect(held.delete(`${level}/${index}`)).toBe(true);
          for (const { level, index } of added) held.add(`${level}/${index}`);
          const step = ((round - 1) % rounds) + 1;
          expect([...held].sort()).toEqual(
            nodesOf(step)
              .map(({ level, index }) => `${level}/${index}`)
              .sort(),
          );
        }
      }),
      { numRuns: 40 },
    );
  });

  test('sums carry a draw of each round, or the nodes of the last step of each tree', () => {
    expect([1, 5, 6, 7, 12, 15].map((rounds) => drawsOfRounds(TREE, rounds))).toEqual([1, 2, 2, 3, 4, 6]);
    expect(drawsOfRounds({ type: 'gaussian', sigma: 100 }, 12)).toBe(12);
    expect(drawsOfRounds({ type: 'skellam', sigma: 100 }, 12)).toBe(12);
  });

  test('a tree ends with its last round, and there is none where noise is drawn afresh', () => {
    expect([1, 5, 6, 7, 12].map((round) => endsTree(TREE, round))).toEqual([false, false, true, false, true]);
    expect(endsTree({ type: 'gaussian', sigma: 100 }, 6)).toBe(false);
    expect(endsTree(undefined, 6)).toBe(false);
  });

  test('room is reckoned for all nodes that may come and go at once', () => {
    expect(centralReach({ type: 'gaussian', sigma: 100 })).toBe(1000);
    for (let round = 1; round <= 64; round += 1) {
      const { added, removed } = treeStep({ ...TREE, rounds: 64 }, round);
      const deviation = 100 * Math.sqrt(added.length + removed.length);
      expect(10 * deviation).toBeLessThanOrEqual(centralReach({ ...TREE, rounds: 64 }));
    }
  });
});

/** What a round over lots is. */
const ONE_STEP = { ...smallPlan().training, epochs: 1, learningRate: 1 };
const FIGURES = { epsilon: 4, delta: 1e-5 };

async function authored(
  privacy: Partial<PlannedPromise>,
  plan: Partial<JobPlan> = {},
): Promise<TrainingManifest> {
  const promise = { unit: 'participant', noise: { type: 'gaussian' }, ...FIGURES, ...privacy } as const;
  const weighting = promise.unit === 'participant' ? 'uniform' : 'examples';
  const made = await authorJob(
    smallPlan({ weighting, rounds: 6, privacy: { ...promise, force: true }, ...plan }),
    'fed-0123456789abcdef',
  );
  return made.manifest;
}

/** D and sigma of a manifest, and what a Gaussian of them costs. */
function gaussianOf({ codec, parameters, training, privacy }: TrainingManifest): DpEvent {
  const { batchSize } = training;
  const sensitivity = sensitivityOf({ codec, parameters, batchSize });
  return { type: 'gaussian', noiseMultiplier: (privacy?.centralNoise?.sigma ?? 0) / sensitivity };
}

const costOf = (event: DpEvent) => rdpEpsilon(event, 'replace-special', 1e-5);

describe('a job whose coordinator is trusted', () => {
  test('of participants costs what Gaussian noise on the sum does in each round', async () => {
    const manifest = await authored({});
    expect(manifest.codec.noise).toBeUndefined();
    expect(manifest.privacy).toEqual({
      delta: 1e-5,
      epsilonModel: expect.closeTo(4, 3),
      centralNoise: { type: 'gaussian', sigma: expect.any(Number) },
    });
    const promised = jobPrivacy(manifest);
    expect(promised).toMatchObject({ isCentral: true, parties: 1, times: 6 });
    const whole = costOf({ type: 'repeat', count: 6, event: gaussianOf(manifest) });
    expect(epsilonOfJob(promised?.total as DpEvent, 1e-5)).toBeCloseTo(whole, 6);
    expect(manifest.privacy?.epsilonModel).toBeGreaterThanOrEqual(whole);
    // One noise in place of one of each participant: the sum is as protected with less.
    const shared = await authored({ noise: 'discreteGaussian' });
    expect(jobPrivacy(shared)?.isCentral).toBe(false);
    expect(shared.privacy?.epsilonServer).toBeCloseTo(4, 3);
  });

  test('over lots has their amplification', async () => {
    const manifest = await authored({ unit: 'example', rate: 0.2 }, { training: ONE_STEP });
    const event = { type: 'poisson', q: 0.2, event: gaussianOf(manifest) } as const;
    const whole = costOf({ type: 'repeat', count: 6, event });
    expect(manifest.privacy?.epsilonModel).toBeCloseTo(whole, 3);
    expect(whole).toBeLessThan(costOf({ type: 'repeat', count: 6, event: gaussianOf(manifest) }) / 2);
  });

  test('with trees charges a participant once a tree, for all levels of it', async () => {
    const manifest = await authored({ noise: { type: 'gaussian', treeRounds: 4 } });
    const promised = jobPrivacy(manifest);
    expect(promised).toMatchObject({ times: 2 });
    const { noiseMultiplier } = gaussianOf(manifest) as { noiseMultiplier: number };
    // Two trees, of 4 rounds and of what is left: three levels each.
    const whole = costOf({
      type: 'repeat',
      count: 2 * 3,
      event: { type: 'gaussian', noiseMultiplier },
    });
    expect(epsilonOfJob(promised?.total as DpEvent, 1e-5)).toBeCloseTo(whole, 6);
  });

  test.each<[what: string, change: (manifest: TrainingManifest) => Partial<TrainingManifest>, where: string]>(
    [
      [
        'figures that are too good',
        ({ privacy }) => ({ privacy: { ...privacy, delta: 1e-5, epsilonModel: 3.9 } }),
        'privacy.epsilonModel',
      ],
      [
        'a promise against the coordinator',
        ({ privacy }) => ({ privacy: { delta: 1e-5, epsilonModel: 4, ...privacy, epsilonServer: 5 } }),
        'privacy.epsilonServer',
      ],
      [
        'noise of participants besides',
        ({ codec }) => ({ codec: { ...codec, noise: { type: 'discreteGaussian', sigma: 50 } } }),
        'codec.noise',
      ],
      [
        'nobody who adds noise',
        ({ privacy }) => ({ privacy: { delta: 1e-5, epsilonModel: privacy?.epsilonModel ?? 0 } }),
        'codec.noise',
      ],
      [
        'noise for which there is no room',
        ({ codec }) => ({
          codec: { ...codec, width: 16 },
          privacy: { delta: 1e-5, epsilonModel: 4, centralNoise: { type: 'gaussian', sigma: 40_000 } },
        }),
        'privacy.centralNoise.sigma',
      ],
      [
        'less noise than is needed',
        ({ privacy }) => ({
          privacy: {
            delta: 1e-5,
            epsilonModel: privacy?.epsilonModel ?? 0,
            centralNoise: { type: 'gaussian', sigma: 0.99 * (privacy?.centralNoise?.sigma ?? 0) },
          },
        }),
        'privacy.epsilonModel',
      ],
    ],
  )('is refused with %s', async (_, change, where) => {
    const manifest = await authored({});
    expect(() => checkPrivacy(manifest)).not.toThrow();
    expect(() => checkPrivacy({ ...manifest, ...change(manifest) })).toThrow(
      expect.objectContaining({ code: 'manifestInvalid', detail: expect.objectContaining({ where }) }),
    );
  });

  test('trees are for participants alone, and a promise against nobody needs a trusted coordinator', async () => {
    const lots = await authored({ unit: 'example', rate: 0.2 }, { training: ONE_STEP });
    const figures = { delta: 1e-5, epsilonModel: 9 };
    const sigma = lots.privacy?.centralNoise?.sigma ?? 0;
    const afresh = { ...figures, centralNoise: { type: 'gaussian', sigma } } as const;
    expect(() => checkPrivacy({ ...lots, privacy: afresh })).not.toThrow();
    const tree = { ...figures, centralNoise: { type: 'gaussianTree', sigma, rounds: 4 } } as const;
    expect(() => checkPrivacy({ ...lots, privacy: tree })).toThrow(
      expect.objectContaining({ detail: expect.objectContaining({ where: 'privacy.centralNoise' }) }),
    );
    const shared = await authored({ noise: 'discreteGaussian' });
    expect(() => checkPrivacy(shared)).not.toThrow();
    expect(() => checkPrivacy({ ...shared, privacy: figures })).toThrow(
      expect.objectContaining({ detail: expect.objectContaining({ where: 'privacy.epsilonServer' }) }),
    );
  });
});
