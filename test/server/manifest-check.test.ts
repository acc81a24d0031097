import { beforeEach, expect, test } from 'vitest';
import { isProblem } from '../../protocol/problem.ts';
import type { JobManifest } from '../../schemas/job.ts';
import { checkManifest } from '../../server/manifest-check.ts';
import type { BlobStore } from '../../server/store/blob-store.ts';
import { memoryBlobStore } from '../../server/store/memory-blob-store.ts';
import { CODEC, FORWARD_GRAPH, INITIAL_MODEL, manifestOf } from '../fixtures/manifest.ts';
import { hashOf, modelFile, updateFile } from '../fixtures/vector-files.ts';

const FEDERATION = 'fed-0123456789abcdef';
const NOWHERE = 'f'.repeat(64);
let blobs: BlobStore;

beforeEach(async () => {
  blobs = memoryBlobStore();
  for (const content of [FORWARD_GRAPH, INITIAL_MODEL]) await store(content);
});

async function store(content: Uint8Array): Promise<string> {
  return (await blobs.put(content, { limitBytes: content.length })).sha256;
}

const SECURE = { suite: 1, colluders: 0, answerSeconds: 20 } as const;
const secure = (size: number): Partial<JobManifest> => ({
  aggregation: 'secure',
  secureAggregation: SECURE,
  cohort: { size, minimum: 2 },
});

const check = (overrides: Partial<JobManifest> = {}) =>
  checkManifest(manifestOf(FEDERATION, overrides), FEDERATION, blobs);

/** What the manifest is refused with; the same without the overrides passes. */
async function refusal(overrides: Partial<JobManifest>): Promise<unknown> {
  await expect(check()).resolves.toBeUndefined();
  const problem = await check(overrides).catch((error: unknown) => error);
  if (!isProblem(problem)) throw new Error('not refused');
  return { code: problem.code, ...problem.detail };
}

test.each<[string, Partial<JobManifest>]>([
  ['federationId', { federationId: 'fed-ffffffffffffffff' }],
  ['privacy', { privacyUnit: 'example' }],
  ['cohort.minimum', { cohort: { size: 2, minimum: 3 } }],
  ['codec.weightMax', { weighting: 'uniform' }],
  ['codec.counters', { codec: { ...CODEC, counters: 1 } }],
  ['initialModel', { parameters: 6 }],
  ['secureAggregation', { aggregation: 'secure' }],
  ['secureAggregation', { secureAggregation: SECURE }],
  ['secureAggregation.colluders', { ...secure(4), secureAggregation: { ...SECURE, colluders: 2 } }],
  ['cohort', secure(2)],
  ['cohort.extra', { ...secure(3), cohort: { size: 3, extra: 3, minimum: 2 } }],
])('a contradiction in %s is named', async (where, overrides) => {
  expect(await refusal(overrides)).toMatchObject({ code: 'manifestInvalid', where });
});

test('what is in order passes: uniform weights, a cohort of exactly its minimum', async () => {
  await check({ weighting: 'uniform', codec: { ...CODEC, weightMax: 1 } });
  await check({ cohort: { size: 2, minimum: 2 } });
  await check(secure(3));
  await check({ ...secure(4), secureAggregation: { ...SECURE, colluders: 1 } });
});

test('a sum that might wrap is refused, with the first cohort that is too large', async () => {
  await check({ cohort: { size: 8, minimum: 2 } });
  expect(await refusal({ cohort: { size: 9, minimum: 2 } })).toMatchObject({
    code: 'ringOverflow',
    bits: 20,
  });
  const rotation = { block: 4, bound: 0.5 };
  await check({ codec: { ...CODEC, grid: CODEC.grid / 5, rotation } });
  expect(await refusal({ codec: { ...CODEC, grid: CODEC.grid / 6, rotation } })).toMatchObject({
    code: 'ringOverflow',
    bits: 20,
  });
  expect(await refusal({ codec: { ...CODEC, weightMax: 0xffff_ffff } })).toMatchObject({
    code: 'ringOverflow',
    bits: 32,
  });
});

test('content that is not stored is named by its hash', async () => {
  const graph = { forward: NOWHERE, trainStep: NOWHERE };
  expect(await refusal({ graph })).toEqual({ code: 'blobUnknown', sha256: NOWHERE });
  expect(await refusal({ initialModel: NOWHERE })).toEqual({ code: 'blobUnknown', sha256: NOWHERE });
});

test('an update is no content that a manifest could name, and nobody learns whether it is there', async () => {
  const sha256 = await store(updateFile([0, 0, 0, 0, 0], 1, CODEC));
  const answers = [
    await refusal({ graph: { forward: sha256, trainStep: NOWHERE } }),
    await refusal({ initialModel: sha256 }),
  ];
  expect(answers).toEqual(answers.map(() => ({ code: 'blobUnknown', sha256 })));
});

test('an initial model must be one: no cut-off file, no other content', async () => {
  const contents = [
    INITIAL_MODEL.subarray(0, 63),
    INITIAL_MODEL.subarray(0, -4),
    new Uint8Array(0),
    new Uint8Array(84),
    FORWARD_GRAPH,
    modelFile([1, 2, 3, 4]),
  ];
  for (const content of contents)
    expect(await refusal({ initialModel: await store(content) })).toMatchObject({
      code: 'manifestInvalid',
      where: 'initialModel',
    });
  await check({ initialModel: hashOf(INITIAL_MODEL) });
});
