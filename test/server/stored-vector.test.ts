import { expect, test } from 'vitest';
import { memoryBlobStore } from '../../server/store/memory-blob-store.ts';
import { headerOf, isUpdate } from '../../server/stored-vector.ts';
import { CODEC } from '../fixtures/manifest.ts';
import { hashOf, modelFile, updateFile } from '../fixtures/vector-files.ts';

test('updates, models and what is no vector are told apart without being read', async () => {
  const blobs = memoryBlobStore();
  const put = async (content: Uint8Array) => {
    await blobs.put(content, { limitBytes: content.length });
    return hashOf(content);
  };
  const update = await put(updateFile([0.1, 0.2], 1, CODEC));
  const model = await put(modelFile([1, 2, 3]));
  const nothing = await put(new Uint8Array(0));
  const zeros = await put(new Uint8Array(64));
  expect(await headerOf(update, blobs)).toMatchObject({ kind: 'update', length: 2, secondBlock: 1 });
  expect(await headerOf(model, blobs)).toMatchObject({ kind: 'parameters', length: 3 });
  await expect(headerOf('0'.repeat(64), blobs)).rejects.toMatchObject({ code: 'blobUnknown' });
  await expect(headerOf(nothing, blobs)).rejects.toMatchObject({ code: 'invalidLength' });
  await expect(headerOf(zeros, blobs)).rejects.toMatchObject({ code: 'updateMalformed' });
  const are = [update, model, nothing, zeros, '0'.repeat(64)].map((sha256) => isUpdate(sha256, blobs));
  expect(await Promise.all(are)).toEqual([true, false, false, false, false]);
});
