import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  checkIdxLength,
  decodeIdxValues,
  type IdxArray,
  idxImages,
  idxLabels,
  parseIdxHeader,
} from '../../../client/data/idx.ts';

/** Writes an IDX file the obvious way. */
function idx(type: number, shape: number[], values: Iterable<number>): Uint8Array {
  const bytes = shape.flatMap((size) => [size >>> 24, (size >>> 16) & 255, (size >>> 8) & 255, size & 255]);
  const data = [...values].flatMap((value) => {
    if (type === 8) return [value];
    const float = Buffer.alloc(4);
    float.writeFloatBE(value);
    return [...float];
  });
  return Uint8Array.from([0, 0, type, shape.length, ...bytes, ...data]);
}

/** A whole file at once, as `idx-file.ts` reads it in parts. */
function parseIdx(bytes: Uint8Array, file: string): IdxArray {
  const header = parseIdxHeader(bytes, file);
  checkIdxLength(header, bytes.length, file);
  return { shape: header.shape, data: decodeIdxValues(header, bytes.subarray(header.headerBytes)) };
}

describe('a file', () => {
  test('reads back what was written: bytes', () => {
    const row = fc.array(fc.integer({ min: 1, max: 5 }), { maxLength: 3 });
    const shapes = fc.tuple(fc.integer({ min: 0, max: 5 }), row).map(([rows, sizes]) => [rows, ...sizes]);
    fc.assert(
      fc.property(shapes, fc.integer({ min: 0, max: 200 }), (shape, start) => {
        const length = shape.reduce((a, b) => a * b, 1);
        const values = Uint8Array.from({ length }, (_, i) => start + i);
        expect(parseIdx(idx(8, shape, values), 'f')).toEqual({ shape, data: values });
      }),
    );
  });

  test('reads back what was written: big-endian floats', () => {
    const values = [0, -1.5, 3.25e10, 1];
    expect(parseIdx(idx(13, [2, 2], values), 'f').data).toEqual(Float32Array.from(values));
  });

  test('reads a view into a larger buffer', () => {
    const file = idx(13, [1], [7]);
    const padded = new Uint8Array(file.length + 5);
    padded.set(file, 3);
    expect(parseIdx(padded.subarray(3, 3 + file.length), 'f').data).toEqual(Float32Array.of(7));
  });

  const good = idx(8, [2, 3], [1, 2, 3, 4, 5, 6]);
  test.each([
    ['nothing', new Uint8Array(0)],
    ['another magic number', Uint8Array.of(1, ...good.subarray(1))],
    ['another type', idx(9, [2], [])],
    ['no dimensions', Uint8Array.of(0, 0, 8, 0)],
    ['too many dimensions', idx(8, new Array(9).fill(1), [1])],
    ['a cut header', good.subarray(0, 9)],
    ['a byte too few', good.subarray(0, -1)],
    ['a byte too many', Uint8Array.of(...good, 0)],
    ['sizes beyond any memory', idx(13, [0xffffffff, 0xffffffff], [])],
    ['rows of nothing, more than any memory could number', idx(8, [0xffffffff, 0], [])],
    ['huge rows of which there are none', idx(8, [0, 0xffffffff, 0xffffffff], [])],
  ])('refuses %s', (_, bytes) => {
    expect(() => parseIdx(good, 'f')).not.toThrow();
    expect(() => parseIdx(bytes, 'f')).toThrow(expect.objectContaining({ code: 'dataMalformed' }));
  });

  test('no bytes at all make it throw anything but dataMalformed', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 40 }), (tail) => {
        try {
          parseIdx(Uint8Array.of(0, 0, 8, ...tail), 'f');
        } catch (error) {
          expect(error).toMatchObject({ code: 'dataMalformed' });
        }
      }),
    );
  });
});

test('parseIdxHeader() says where rows are', () => {
  expect(parseIdxHeader(idx(13, [10, 2, 3], []), 'f')).toEqual({
    type: 'float32',
    shape: [10, 2, 3],
    headerBytes: 16,
    rowBytes: 24,
    totalBytes: 256,
  });
});

test('idxImages() scales bytes to [0, 1], leaves floats, and flattens on demand', () => {
  const bytes = { shape: [1, 1, 3], data: Uint8Array.of(0, 51, 255) };
  expect(idxImages(bytes, 'flat')).toEqual({
    inputShape: [3],
    features: Float32Array.of(0, Math.fround(0.2), 1),
  });
  expect(idxImages(bytes, 'image').inputShape).toEqual([1, 1, 3]);
  const coloured = { shape: [2, 3, 4, 4], data: new Float32Array(96).fill(7) };
  expect(idxImages(coloured, 'image').inputShape).toEqual([3, 4, 4]);
  expect(idxImages(coloured, 'flat').features[0]).toBe(7);
});

test('idxLabels() takes one dimension of bytes and nothing else', () => {
  expect(idxLabels({ shape: [2], data: Uint8Array.of(9, 0) }, 'f')).toEqual(Int32Array.of(9, 0));
  const refused = expect.objectContaining({ code: 'dataMalformed' });
  expect(() => idxLabels({ shape: [1, 2], data: Uint8Array.of(9, 0) }, 'f')).toThrow(refused);
  expect(() => idxLabels({ shape: [2], data: Float32Array.of(9, 0) }, 'f')).toThrow(refused);
});
