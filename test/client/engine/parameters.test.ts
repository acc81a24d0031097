import fc from 'fast-check';
import { expect, test } from 'vitest';
import {
  flattenParameters,
  floatsOf,
  parameterCount,
  parameterTensors,
  valuesOf,
} from '../../../client/engine/parameters.ts';

const specs = [
  { name: 'w', shape: [2, 3], offset: 0, size: 6 },
  { name: 'b', shape: [2], offset: 6, size: 2 },
];

test('tensors are named views into the flat vector', () => {
  const flat = Float32Array.of(1, 2, 3, 4, 5, 6, 7, 8);
  const { w, b } = parameterTensors(flat, specs);
  expect(w).toEqual({ type: 'float32', shape: [2, 3], data: flat.subarray(0, 6) });
  expect(b?.data).toEqual(Float32Array.of(7, 8));
  expect(w?.data.buffer).toBe(flat.buffer);
});

test('flattening is the inverse, into a vector of its own', () => {
  fc.assert(
    fc.property(fc.float32Array({ minLength: 8, maxLength: 8 }), (flat) => {
      const back = flattenParameters(parameterTensors(flat, specs), specs);
      expect(back).toEqual(flat);
      expect(back.buffer).not.toBe(flat.buffer);
    }),
  );
});

test('refuses a vector of another length and an output that is not there', () => {
  expect(parameterCount(specs)).toBe(8);
  expect(parameterCount([])).toBe(0);
  expect(() => parameterTensors(new Float32Array(8), specs)).not.toThrow();
  const wrong = expect.objectContaining({
    code: 'invalidLength',
    detail: expect.objectContaining({ got: 9 }),
  });
  expect(() => parameterTensors(new Float32Array(9), specs)).toThrow(wrong);
  const labels = { n: { type: 'int32', shape: [1], data: Int32Array.of(1) } } as const;
  expect(() => floatsOf(labels, 'n')).toThrow('no float32 output "n"');
  expect(() => floatsOf({}, 'w')).toThrow('no float32 output "w"');
  const w = { w: { type: 'float32', shape: [1], data: Float32Array.of(2) } } as const;
  expect(valuesOf(labels, { name: 'n', type: 'int32' })).toBe(labels.n.data);
  expect(valuesOf(w, { name: 'w', type: 'float32' })).toBe(w.w.data);
  expect(() => valuesOf(labels, { name: 'n', type: 'float32' })).toThrow('no float32 output "n"');
  expect(() => valuesOf(w, { name: 'w', type: 'int32' })).toThrow('no int32 output "w"');
});
