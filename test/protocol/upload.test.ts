import fc from 'fast-check';
import { expect, test } from 'vitest';
import { nextChunkBytes, placeOfChunk, requireWhole, type UploadProgress } from '../../protocol/upload.ts';

const upload = (received: number): UploadProgress => ({ bytes: 25, received, chunkBytes: 10 });
const rangeInvalid = expect.objectContaining({ code: 'rangeInvalid' });

test('chunks have one length, and the last has the rest', () => {
  expect([0, 10, 20, 25].map((received) => nextChunkBytes(upload(received)))).toEqual([10, 10, 5, 0]);
});

test('the next chunk begins where the upload has got to, an earlier one is known', () => {
  expect(placeOfChunk(upload(0), 0)).toBe('next');
  expect(placeOfChunk(upload(20), 20)).toBe('next');
  expect(placeOfChunk(upload(20), 0)).toBe('known');
  expect(placeOfChunk(upload(20), 10)).toBe('known');
  expect(placeOfChunk(upload(25), 20)).toBe('known');
});

test.each([
  [0, 10],
  [10, 20],
  [20, 5],
  [20, 15],
  [20, 25],
  [25, 25],
  [25, 30],
  [20, -10],
  [20, 2 ** 53],
  [20, Number.NaN],
])('with %i bytes, no chunk may begin at %d', (received, offset) => {
  expect(() => placeOfChunk(upload(received), offset)).toThrow(rangeInvalid);
});

test('only what is whole is complete', () => {
  expect(() => requireWhole(upload(25))).not.toThrow();
  for (const received of [0, 24]) expect(() => requireWhole(upload(received))).toThrow(rangeInvalid);
});

test('whoever sends the next chunk again and again has sent all of it, once', () => {
  const positive = fc.integer({ min: 1, max: 1000 });
  fc.assert(
    fc.property(positive, positive, (bytes, chunkBytes) => {
      let received = 0;
      let chunks = 0;
      for (let length = 1; length > 0; received += length) {
        length = nextChunkBytes({ bytes, received, chunkBytes });
        if (length === 0) break;
        expect(placeOfChunk({ bytes, received, chunkBytes }, received)).toBe('next');
        chunks += 1;
      }
      expect([received, chunks]).toEqual([bytes, Math.ceil(bytes / chunkBytes)]);
    }),
  );
});
