import { describe, expect, it } from 'vitest';
import {
  bytesOf,
  firstNaN,
  firstNonFinite,
  floatsOf,
  floatTensor,
} from '../../../client/graph/tensor-bytes.ts';

/** The bytes of these numbers, `offset` bytes behind an aligned address. */
function at(offset: number, values: Float32Array): Uint8Array {
  const buffer = new Uint8Array(offset + values.byteLength);
  buffer.set(new Uint8Array(values.buffer), offset);
  return buffer.subarray(offset);
}

const LARGE = Float32Array.from({ length: 50_000 }, (_, index) => index - 1 / 3);

describe.each([0, 1, 2, 3])('at %i bytes behind an aligned address', (offset) => {
  it.each([
    ['few', Float32Array.of(1, -2, Math.PI)],
    ['many', LARGE],
  ])('%s values are what they were', (_, values) => {
    const bytes = at(offset, values);
    const tensor = floatTensor([values.length], bytes);
    for (const data of [floatsOf(bytes), tensor.data, tensor.data])
      expect(Buffer.compare(Buffer.from(data.buffer, data.byteOffset, data.byteLength), bytes)).toBe(0);
    expect(tensor.data.at(-1)).toBe(values.at(-1));
    expect(Buffer.compare(bytesOf(tensor), bytes)).toBe(0);
  });

  it('the first value that is not finite is found, wherever it is', () => {
    for (const index of [0, 1, 16_383, 16_384, 16_385, 49_999]) {
      const bytes = (value: number) => at(offset, LARGE.with(index, value));
      expect(firstNaN(bytes(Number.NaN))).toBe(index);
      expect(firstNonFinite(bytes(Number.NaN))).toBe(index);
      for (const infinite of [Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY]) {
        expect(firstNaN(bytes(infinite))).toBeUndefined();
        expect(firstNonFinite(bytes(infinite))).toBe(index);
      }
    }
    const extremes = Float32Array.of(0, -0, 3.4028234663852886e38, -3.4028234663852886e38, 1e-45);
    expect(firstNonFinite(at(offset, extremes))).toBeUndefined();
    expect(firstNonFinite(at(offset, LARGE))).toBeUndefined();
    expect(firstNonFinite(new Uint8Array())).toBeUndefined();
  });
});

it('memory is shared where it can be: aligned values, whatever their number', () => {
  const bytes = at(4, LARGE);
  expect(floatTensor([50_000], bytes).data.buffer).toBe(bytes.buffer);
  expect(floatTensor([50_000], at(1, LARGE)).data.buffer).not.toBe(bytes.buffer);
  expect(bytesOf({ dtype: 'float32', shape: [50_000], data: LARGE }).buffer).toBe(LARGE.buffer);
});
