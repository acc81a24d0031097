import { beforeEach, expect, test } from 'vitest';
import { memoryBlobStore } from '../../server/store/memory-blob-store.ts';
import { UpdateSum } from '../../server/update-sum.ts';
import { atRest } from '../../sim/virtual-clock.ts';
import { type FaultyBlobStore, faultyBlobStore } from '../fixtures/faulty-stores.ts';
import { CODEC, manifestOf } from '../fixtures/manifest.ts';
import { updateFile } from '../fixtures/vector-files.ts';
import { meanTwin } from './aggregate-twin.ts';

const LENGTH = 5;
const FILES = [1, 2, 3].map((i) => updateFile([0.1 * i, 0.2, -0.1 * i, 0, 0.05], 10 * i, CODEC, i));
let blobs: FaultyBlobStore;
let hashes: string[];
let reads: number;
let sum: UpdateSum;

beforeEach(async () => {
  const memory = memoryBlobStore();
  hashes = [];
  for (const file of FILES) hashes.push((await memory.put(file, { limitBytes: file.length })).sha256);
  reads = 0;
  blobs = faultyBlobStore(memory);
  blobs.fault = () => {
    reads += 1;
    return undefined;
  };
  sum = new UpdateSum(blobs, manifestOf('fed-0123456789abcdef'));
});

/** These updates, each of another node. */
const updates = (...indices: number[]) =>
  new Map(indices.map((i, node) => [`node ${node}`, { sha256: hashes[i] as string }]));
const opened = async (of: ReturnType<typeof updates>) => {
  const { mean, totalWeight } = (await sum.over(of)).open();
  return { mean: [...mean], weight: totalWeight };
};
const twin = (...indices: number[]) =>
  meanTwin(
    indices.map((i) => FILES[i] as Uint8Array),
    CODEC,
    LENGTH,
  );

test('what was added in the background is not read again', async () => {
  const of = updates(0, 1, 2);
  for (const [node, { sha256 }] of of) sum.add(node, sha256);
  await atRest();
  expect(reads).toBe(3);
  expect(await opened(of)).toEqual(twin(0, 1, 2));
  expect(reads).toBe(3);
});

test('what is at hand is added at once and never read, also while others are', async () => {
  const of = updates(0, 1, 2);
  sum.add('node 1', hashes[1] as string);
  sum.add('node 0', hashes[0] as string, FILES[0]);
  sum.add('node 1', hashes[1] as string, FILES[1]);
  sum.add('node 2', hashes[2] as string, FILES[2]);
  expect(await opened(of)).toEqual(twin(0, 1, 2));
  expect(reads).toBe(0);
});

test('content that is none at hand does not spoil the sum: it is made from what is stored', async () => {
  sum.add('node 0', hashes[0] as string, new Uint8Array(3));
  sum.add('node 1', hashes[1] as string, FILES[1]);
  expect(await opened(updates(0, 1))).toEqual(twin(0, 1));
  expect(reads).toBe(2);
});

test('the memory of a retired sum serves the next, whatever was in it or is still under way', async () => {
  sum.add('node 0', hashes[0] as string, FILES[0]);
  sum.add('node 1', hashes[1] as string);
  await Promise.resolve();
  const next = new UpdateSum(blobs, manifestOf('fed-0123456789abcdef'), sum.retire());
  next.add('node 0', hashes[2] as string, FILES[2]);
  await atRest();
  expect(reads).toBe(1);
  const { mean, totalWeight } = (await next.over(updates(2))).open();
  expect({ mean: [...mean], weight: totalWeight }).toEqual(twin(2));
  // The retired one still answers, from what is stored.
  expect(await opened(updates(0, 1))).toEqual(twin(0, 1));
});

test('nothing was added: the sum is made when it is asked for, as after a restart', async () => {
  expect(await opened(updates(0, 1))).toEqual(twin(0, 1));
  expect(reads).toBe(2);
});

test('two nodes may send the same bytes; one node counts once', async () => {
  sum.add('node 0', hashes[0] as string);
  sum.add('node 0', hashes[0] as string);
  expect(await opened(updates(0, 0))).toEqual(twin(0, 0));
  expect((await opened(updates(0, 0))).weight).toBe(20);
});

test('what was added but does not belong is left out', async () => {
  sum.add('stranger', hashes[2] as string);
  expect(await opened(updates(0, 1))).toEqual(twin(0, 1));
  sum.add('node 0', hashes[2] as string);
  expect(await opened(updates(0, 1))).toEqual(twin(0, 1));
});

test('a failure in the background shows when the sum is asked for, and passes with its cause', async () => {
  blobs.fault = () => 'full';
  sum.add('node 0', hashes[0] as string);
  await expect(sum.over(updates(0, 1))).rejects.toMatchObject({ code: 'storageFailed' });
  blobs.fault = () => undefined;
  expect(await opened(updates(0, 1))).toEqual(twin(0, 1));
});

test('an update that is gone is a problem, never left out', async () => {
  await blobs.delete(hashes[1] as string);
  await expect(sum.over(updates(0, 1))).rejects.toMatchObject({ code: 'blobUnknown' });
  expect(await opened(updates(0, 2))).toEqual(twin(0, 2));
});
