import { expect, test } from 'vitest';
import { authorJob, type JobPlan, submitJob } from '../../client/author-job.ts';
import { exportModel } from '../../client/graph/export-model.ts';
import { type ImportOptions, importModel } from '../../client/graph/import-model.ts';
import { initialParameters } from '../../client/graph/parameters.ts';
import { FEDERATION, statusOf } from '../fixtures/job-shelf.ts';
import { scriptedCoordinator } from '../fixtures/scripted-coordinator.ts';
import { smallPlan } from '../fixtures/small-job.ts';
import { hashOf, modelFile } from '../fixtures/vector-files.ts';

test('the manifest names the content by its hashes, and the graph holds the model of the plan', async () => {
  const plan = smallPlan();
  const { manifest, blobs } = await authorJob(plan, FEDERATION);
  expect(blobs.map(({ sha256, bytes }) => hashOf(bytes) === sha256)).toEqual([true, true]);
  expect(blobs.map(({ sha256 }) => sha256)).toEqual([manifest.graph.forward, manifest.initialModel]);
  expect(manifest).toMatchObject({
    federationId: FEDERATION,
    parameters: 4 * 3 + 3 + 3 * 2 + 2,
    privacyUnit: 'none',
    aggregation: 'plain',
    seed: 'small',
  });
  const parameters = initialParameters(plan.forward);
  const forward = importModel(blobs[0]?.bytes ?? new Uint8Array());
  expect(initialParameters(forward)).toEqual(parameters);
  expect(blobs[0]?.bytes).toEqual(exportModel(plan.forward, parameters));
  expect(blobs[1]?.bytes).toEqual(modelFile([...parameters]));
});

test('a rotation is part of the codec where the plan asks for it, and nothing else changes', async () => {
  const { manifest } = await authorJob(smallPlan(), FEDERATION);
  const { codec, ...others } = (await authorJob(smallPlan({ rotate: true }), FEDERATION)).manifest;
  expect(manifest.codec).not.toHaveProperty('rotation');
  expect(codec).toEqual({ ...manifest.codec, rotation: { block: 16, bound: 10 } });
  expect({ ...others, codec: manifest.codec }).toEqual(manifest);
});

test('one plan makes one manifest; what a train step depends on changes its hash, and nothing else does', async () => {
  const trainStepOf = async (plan: Partial<JobPlan>) =>
    (await authorJob(smallPlan(plan), FEDERATION)).manifest.graph.trainStep;
  const { training } = smallPlan();
  const same = await trainStepOf({});
  expect(await authorJob(smallPlan(), FEDERATION)).toEqual(await authorJob(smallPlan(), FEDERATION));
  expect(await trainStepOf({ training: { ...training, learningRate: 0.01, epochs: 9 } })).toBe(same);
  expect(await trainStepOf({ rounds: 77, clipNorm: 3 })).toBe(same);
  expect(await trainStepOf({ training: { ...training, batchSize: 5 } })).not.toBe(same);
  const momentum = { type: 'momentum', momentum: 0.9 } as const;
  expect(await trainStepOf({ training: { ...training, optimizer: momentum } })).not.toBe(same);
});

test('how the model was read is part of the manifest, and changes the train step', async () => {
  const bytes = exportModel(smallPlan().forward, initialParameters(smallPlan().forward));
  const authored = (choices: ImportOptions) =>
    authorJob(smallPlan({ forward: importModel(bytes, choices) }), FEDERATION);
  const plain = await authored({});
  const { manifest, blobs } = await authored({ freeze: ['dense0.*'], train: ['dense0.bias'] });
  expect(manifest.graph).toEqual({
    forward: plain.manifest.graph.forward,
    trainStep: manifest.graph.trainStep,
    freeze: ['dense0.*'],
    train: ['dense0.bias'],
  });
  expect(manifest.parameters).toBe(3 + 3 * 2 + 2);
  expect(manifest.graph.trainStep).not.toBe(plain.manifest.graph.trainStep);
  expect(blobs[0]?.bytes).toEqual(bytes);
  expect(Object.keys(plain.manifest.graph)).toEqual(['forward', 'trainStep']);
});

test('uniform weights are a weightMax of 1, whatever the plan says', async () => {
  const codecOf = async (plan: Partial<JobPlan>) =>
    (await authorJob(smallPlan(plan), FEDERATION)).manifest.codec;
  expect((await codecOf({ weighting: 'examples' })).weightMax).toBe(100);
  expect((await codecOf({ weighting: 'uniform' })).weightMax).toBe(1);
});

test.each<[name: string, plan: Partial<JobPlan>, code: string]>([
  ['no rounds', { rounds: 0 }, 'invalidFormat'],
  ['half a round', { rounds: 1.5 }, 'invalidFormat'],
  ['no name', { name: '' }, 'invalidFormat'],
  ['a name with a line break', { name: 'a\nb' }, 'invalidFormat'],
  ['an empty cohort', { cohort: { size: 0, minimum: 0 } }, 'invalidFormat'],
  ['nothing may move', { clipNorm: 0 }, 'invalidFormat'],
  ['no deadline', { deadlines: { collectSeconds: 0, evaluateSeconds: 60 } }, 'invalidFormat'],
  [
    'a strategy without a rate',
    { strategy: { type: 'fedavg', serverLearningRate: Number.NaN } },
    'invalidFormat',
  ],
  ['weights that overflow', { weightMax: 2 ** 31 }, 'ringOverflow'],
  ['batches of nothing', { training: { ...smallPlan().training, batchSize: 0 } }, 'manifestInvalid'],
])('refuses a plan with %s', async (_name, plan, code) => {
  await expect(authorJob(smallPlan(), FEDERATION)).resolves.toBeDefined();
  await expect(authorJob(smallPlan(plan), FEDERATION)).rejects.toMatchObject({ code });
});

test('content is stored before the job that names it', async () => {
  const authored = await authorJob(smallPlan(), FEDERATION);
  const api = scriptedCoordinator({
    putBlob: ({ params, body }) => ({ sha256: params.sha256, bytes: body.length }),
    createJob: ({ body }) => statusOf(body, hashOf(new Uint8Array())),
  });
  const status = await submitJob(authored, api);
  expect(status.manifest).toEqual(authored.manifest);
  expect(api.calls.map(({ name }) => name)).toEqual(['putBlob', 'putBlob', 'createJob']);
});
