import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  axisLength,
  broadcastShapes,
  constantIntegers,
  constantPositions,
  elementCount,
  normalizeAxes,
  reducedShape,
  sameShape,
} from '../../../client/graph/tensor-type.ts';

const shape = fc.array(fc.integer({ min: 1, max: 3 }), { maxLength: 4 });

describe('shapes', () => {
  it('broadcast as ONNX says', () => {
    expect(
      broadcastShapes([
        [2, 1, 4],
        [3, 1],
      ]),
    ).toEqual([2, 3, 4]);
    expect(broadcastShapes([[], [5]])).toEqual([5]);
    expect(broadcastShapes([[2], [3]])).toBeUndefined();
    expect(broadcastShapes([[0], [1]])).toEqual([0]);
  });

  it('broadcasting does not depend on order, and a shape broadcasts with itself', () => {
    fc.assert(
      fc.property(shape, shape, (a, b) => {
        expect(broadcastShapes([a, b])).toEqual(broadcastShapes([b, a]));
        expect(broadcastShapes([a, a])).toEqual(a);
      }),
    );
  });

  it('axes are normalised or refused', () => {
    expect(normalizeAxes([-1, 0], 3)).toEqual([0, 2]);
    for (const axes of [[3], [-4], [0, -3], [0.5]]) expect(normalizeAxes(axes, 3)).toBeUndefined();
  });

  it('reduction keeps or drops axes, and the count follows', () => {
    expect(reducedShape([2, 3, 4], [1], true)).toEqual([2, 1, 4]);
    expect(reducedShape([2, 3, 4], [0, 2], false)).toEqual([3]);
    expect(elementCount([2, 3, 4])).toBe(24);
    expect(elementCount([])).toBe(1);
    expect(elementCount([3, 0])).toBe(0);
    expect([sameShape([1, 2], [1, 2]), sameShape([1, 2], [2, 1]), sameShape([1], [1, 1])]).toEqual([
      true,
      false,
      false,
    ]);
  });

  it('an axis that is not there is a mistake of the caller', () => {
    expect(axisLength([2, 3], -1)).toBe(3);
    expect(() => axisLength([2, 3], 2)).toThrow(RangeError);
  });

  it('constants give integers only if they hold them exactly', () => {
    const big = BigInt64Array.of(1n << 60n);
    expect(constantIntegers({ dtype: 'int64', shape: [1], data: BigInt64Array.of(-5n) })).toEqual([-5]);
    expect(constantIntegers({ dtype: 'int64', shape: [1], data: big })).toBeUndefined();
    expect(constantIntegers({ dtype: 'float32', shape: [1], data: Float32Array.of(1) })).toBeUndefined();
  });

  it('positions beyond all axes are the furthest there are', () => {
    const most = Number.MAX_SAFE_INTEGER;
    const data = BigInt64Array.of(-5n, 2n ** 63n - 1n, -(2n ** 63n));
    expect(constantPositions({ dtype: 'int64', shape: [3], data })).toEqual([-5, most, -most]);
    expect(constantPositions({ dtype: 'bool', shape: [1], data: Uint8Array.of(1) })).toBeUndefined();
  });
});
