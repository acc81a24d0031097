import { beforeEach, expect, test } from 'vitest';
import { primitives } from '#primitives';
import { seededRandom } from '../../protocol/random.ts';
import { rotateBack } from '../../protocol/ring/rotation.ts';
import { rotationSeed } from '../../protocol/ring/rotation-seed.ts';
import { createJob } from '../../protocol/round.ts';
import type { JobState } from '../../protocol/round-state.ts';
import { Secret } from '../../protocol/secret.ts';
import { floatsOf, parseHeader, payloadOf } from '../../protocol/vector.ts';
import type { JobManifest } from '../../schemas/job.ts';
import { aggregate } from '../../server/aggregate.ts';
import { addCentralNoise } from '../../server/central-noise.ts';
import type { BlobStore } from '../../server/store/blob-store.ts';
import { memoryBlobStore } from '../../server/store/memory-blob-store.ts';
import { UpdateSum } from '../../server/update-sum.ts';
import { CODEC, INITIAL_MODEL, INITIAL_VALUES, manifestOf } from '../fixtures/manifest.ts';
import { hashOf, modelFile, updateFile } from '../fixtures/vector-files.ts';
import { meanTwin, modelTwin } from './aggregate-twin.ts';

const FILES = [1, 2].map((i) => updateFile([0.1 * i, 0.2, -0.1 * i, 0, 0.05], 30 * i, CODEC, i));
let blobs: BlobStore;
beforeEach(async () => {
  blobs = memoryBlobStore();
  for (const content of [INITIAL_MODEL, ...FILES]) await blobs.put(content, { limitBytes: content.length });
});

/** A job that is to aggregate `files`. */
function jobOf(overrides: Partial<JobManifest> = {}, files = FILES): JobState {
  const manifest = manifestOf('fed-0123456789abcdef', overrides);
  const event = { type: 'jobCreated', jobId: 'job-0', manifest, manifestSha256: '', createdBy: '' } as const;
  const accepted = new Map(
    files.map((file, i) => [`node ${i}`, { sha256: hashOf(file), bytes: file.length }]),
  );
  return { ...createJob(event, '')[0], phase: 'aggregating', accepted };
}

const NOISE = {
  primitives,
  random: seededRandom(new Uint8Array(32)),
  noiseKey: new Secret(new Uint8Array(32).fill(7)),
};
const aggregated = (job: JobState) => aggregate(job, new UpdateSum(blobs, job.manifest), blobs, NOISE);

test('the model is that of the slow twin, stored as a vector file, and nothing is changed that was there', async () => {
  const job = jobOf();
  const result = await aggregated(job);
  const expected = modelTwin(INITIAL_VALUES, [FILES], CODEC, job.manifest.strategy);
  expect(await blobs.read(result.model)).toEqual(modelFile(expected));
  const { mean } = meanTwin(FILES, CODEC, INITIAL_VALUES.length);
  expect(result).toMatchObject({ strategyState: null, updates: 2, weight: 90 });
  expect(result.updateNorm).toBeCloseTo(Math.hypot(...mean), 12);
  expect(await blobs.read(job.model)).toEqual(INITIAL_MODEL);
});

test('a mean of turned updates is turned back by the seed of the attempt', async () => {
  const job = jobOf({ codec: { ...CODEC, rotation: { block: 4, bound: 1 } } });
  const mean = Float64Array.from(meanTwin(FILES, CODEC, INITIAL_VALUES.length).mean);
  rotateBack(mean, 4, await rotationSeed(job));
  const { model } = await aggregated(job);
  expect(await blobs.read(model)).toEqual(
    modelFile(INITIAL_VALUES.map((value, i) => value + (mean[i] ?? 0))),
  );
  expect((await aggregated({ ...job, attempt: job.attempt + 1 })).model).not.toBe(model);
});

test('a strategy with a memory stores it, and goes on from what it stored', async () => {
  const strategy = { type: 'fedavgm', serverLearningRate: 1, momentum: 0.5 } as const;
  const job = jobOf({ strategy });
  const first = await aggregated(job);
  expect(first.strategyState).not.toBeNull();
  const state = await blobs.read(first.strategyState ?? '');
  expect(parseHeader(state, { maxLength: 5, maxSecondBlock: 0 })).toMatchObject({
    kind: 'parameters',
    length: 5,
  });
  const second = await aggregated({ ...job, ...first });
  const expected = modelTwin(INITIAL_VALUES, [FILES, FILES], CODEC, strategy);
  expect([...floatsOf(payloadOf(await blobs.read(second.model)))]).toEqual(expected);
});

test('doing it twice gives the same names', async () => {
  expect(await aggregated(jobOf())).toEqual(await aggregated(jobOf()));
});

test('sums of one round of a tree never have the same noise: it may have been opened with other updates', async () => {
  const overrides = {
    privacyUnit: 'participant',
    privacy: {
      delta: 1e-5,
      epsilonModel: 1,
      centralNoise: { type: 'gaussianTree', sigma: 1000, rounds: 4 },
    },
  } as const;
  const [first, again] = [await aggregated(jobOf(overrides)), await aggregated(jobOf(overrides))];
  expect(again.treeNonce).not.toBe(first.treeNonce);
  expect(again.model).not.toBe(first.model);
  // From the nonce that is kept the noise follows, to be taken away again.
  const { treeNonce = '' } = first;
  const job = { ...jobOf(overrides), round: 2, model: first.model, treeNonces: [treeNonce] };
  const { model, treeNonce: second = '' } = await aggregated(job);
  const noise = new Int32Array(INITIAL_VALUES.length);
  const ofNode = { type: 'gaussianTree', sigma: 1000, rounds: 4 } as const;
  for (const round of [1, 2])
    await addCentralNoise(noise, ofNode, { jobId: 'job-0', round, nonces: [treeNonce, second] }, NOISE);
  const { mean } = meanTwin(FILES, CODEC, INITIAL_VALUES.length);
  const values = [...floatsOf(payloadOf(await blobs.read(model)))];
  for (const [i, value] of values.entries()) {
    const expected = (INITIAL_VALUES[i] ?? 0) + 2 * (mean[i] ?? 0);
    expect(value).toBeCloseTo(expected + ((noise[i] ?? 0) * CODEC.grid * CODEC.weightMax) / 90, 5);
  }
});

test('a coordinator that is trusted adds its noise before anything is stored', async () => {
  const job = jobOf({
    privacyUnit: 'participant',
    privacy: { delta: 1e-5, epsilonModel: 1, centralNoise: { type: 'gaussian', sigma: 1000 } },
  });
  const noised = await aggregated(job);
  const exact = await aggregated(jobOf());
  expect(noised).toMatchObject({ updates: 2, weight: 90 });
  expect(noised.model).not.toBe(exact.model);
  expect(noised.updateNorm).not.toBe(exact.updateNorm);
  // What is stored besides are updates and the model before: the model without noise was stored by the control alone.
  const names = [INITIAL_MODEL, ...FILES].map(hashOf);
  const stored: string[] = [];
  for await (const sha256 of blobs.list()) stored.push(sha256);
  expect(stored.sort()).toEqual([...names, noised.model, exact.model].sort());
});

test('what makes no model is a problem of the attempt', async () => {
  await expect(aggregated(jobOf())).resolves.toBeDefined();
  await expect(aggregated(jobOf({}, []))).rejects.toMatchObject({ code: 'aggregateInvalid' });
  // The model would be finite, its distance from the last one is not.
  const wide = { ...CODEC, clipNorm: 1e300, grid: 1e300 * (CODEC.grid / CODEC.clipNorm) };
  const strategy = { type: 'fedavg', serverLearningRate: 1e-290 } as const;
  await expect(aggregated(jobOf({ codec: wide, strategy }))).rejects.toMatchObject({
    code: 'aggregateInvalid',
  });
  const absent = { ...jobOf(), model: 'f'.repeat(64) };
  await expect(aggregated(absent)).rejects.toMatchObject({ code: 'blobUnknown' });
});
