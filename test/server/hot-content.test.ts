import { beforeEach, expect, test } from 'vitest';
import { HotContent } from '../../server/hot-content.ts';
import { memoryBlobStore } from '../../server/store/memory-blob-store.ts';
import { type FaultyBlobStore, faultyBlobStore } from '../fixtures/faulty-stores.ts';

let blobs: FaultyBlobStore;
let reads: string[];
let hot: HotContent;
const hashes: string[] = [];

beforeEach(async () => {
  const memory = memoryBlobStore();
  hashes.length = 0;
  for (const size of [30, 40, 50, 101]) {
    const { sha256 } = await memory.put(new Uint8Array(size), { limitBytes: size });
    hashes.push(sha256);
  }
  blobs = faultyBlobStore(memory);
  const { read } = blobs;
  reads = [];
  blobs.read = (sha256) => {
    reads.push(sha256);
    return read.call(blobs, sha256);
  };
  hot = new HotContent(blobs, 100);
});

const lengths = (...indices: number[]) =>
  Promise.all(indices.map(async (i) => (await hot.read(hashes[i] as string))?.length));

test('what many ask for at once is read once', async () => {
  expect(await lengths(0, 0, 1, 0)).toEqual([30, 30, 40, 30]);
  expect(await lengths(0, 1)).toEqual([30, 40]);
  expect(reads).toEqual([hashes[0], hashes[1]]);
});

test('what was not asked for longest makes room; what has no room at all is not kept', async () => {
  await lengths(0);
  await lengths(1);
  await lengths(0);
  await lengths(2);
  expect(reads).toHaveLength(3);
  expect(await lengths(0, 2)).toEqual([30, 50]);
  expect(reads).toHaveLength(3);
  expect(await lengths(1)).toEqual([40]);
  expect(reads).toHaveLength(4);
  expect(await lengths(3)).toEqual([undefined]);
  expect(reads).toHaveLength(4);
});

test('unknown content is none, and a failure is not kept', async () => {
  expect(await hot.read('0'.repeat(64))).toBeUndefined();
  const { read } = blobs;
  blobs.read = async () => {
    throw new Error('broken');
  };
  await expect(lengths(0)).rejects.toThrow('broken');
  blobs.read = read;
  expect(await lengths(0, 2)).toEqual([30, 50]);
  expect(await lengths(0, 2)).toEqual([30, 50]);
  expect(reads).toHaveLength(2);
});
