import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { clipFactor, l2Norm } from '../../../protocol/ring/clip.ts';

/** A finite float64 as an exact multiple of 2^-1200. */
function exact(value: number): bigint {
  const view = new DataView(new ArrayBuffer(8));
  view.setFloat64(0, value);
  const bits = view.getBigUint64(0);
  const exponent = (bits >> 52n) & 0x7ffn;
  const fraction = bits & 0xf_ffff_ffff_ffffn;
  const magnitude =
    exponent === 0n ? fraction << (1200n - 1074n) : (fraction | (1n << 52n)) << (exponent + 1200n - 1075n);
  return bits >> 63n === 1n ? -magnitude : magnitude;
}

/** The slow twin: the squared norm without any rounding, in units of 2^-2400. */
function exactSquare(values: Iterable<number>): bigint {
  let sum = 0n;
  for (const value of values) sum += exact(value) ** 2n;
  return sum;
}

const vectors = fc.float32Array({ noNaN: true, noDefaultInfinity: true, minLength: 1, maxLength: 50 });

describe('l2Norm', () => {
  test('by hand', () => {
    expect(l2Norm(Float32Array.of(3, 4))).toBe(5);
    expect(l2Norm(Float32Array.of(1, 1, 1, 1, 1, 1, 1, 1, 1))).toBe(3);
    expect(l2Norm(new Float32Array(0))).toBe(0);
  });

  test('adds in the stated order: four partial sums', () => {
    // 1 is lost when added to 2^53 and kept when 2^53 stands in another partial sum.
    const big = 2 ** 26.5;
    const squares = (big * big) as number;
    expect(l2Norm(Float64Array.of(big, 1, 0, 1))).toBe(Math.sqrt(squares + 1 + (0 + 1)));
    expect(l2Norm(Float64Array.of(big, 0, 1, 0, 0, 0, 1))).toBe(Math.sqrt(squares + 0 + (2 + 0)));
  });

  test('of finite float32 values is within d * 2^-53 of the real norm', () => {
    fc.assert(
      fc.property(vectors, (values) => {
        const norm = exact(l2Norm(values));
        const scale = 1n << 60n;
        const slack = BigInt(values.length + 16) * 2n ** 7n;
        const real = exactSquare(values);
        expect((norm * (scale + slack)) ** 2n >= real * scale ** 2n).toBe(true);
        expect((norm * (scale - slack)) ** 2n <= real * scale ** 2n).toBe(true);
      }),
    );
  });

  test('refuses what is not finite, wherever it stands', () => {
    for (let at = 0; at < 7; at += 1)
      for (const poison of [Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY]) {
        const values = new Float32Array(7).fill(1);
        expect(() => l2Norm(values)).not.toThrow();
        values[at] = poison;
        expect(() => l2Norm(values)).toThrow(expect.objectContaining({ code: 'trainingDiverged' }));
      }
  });
});

describe('clipFactor', () => {
  test('leaves a short vector alone and shortens a long one to C', () => {
    expect(clipFactor(5, 5.001, 2)).toBe(1);
    expect(clipFactor(5, 1, 2)).toBeCloseTo(0.2, 14);
    expect(clipFactor(0, 1, 2)).toBe(1);
  });

  test('keeps the bound for real numbers, not only up to rounding', () => {
    let clipped = 0;
    fc.assert(
      fc.property(vectors, fc.double({ min: 1e-3, max: 1e6, noNaN: true }), (values, clipNorm) => {
        const factor = clipFactor(l2Norm(values), clipNorm, values.length);
        if (factor < 1) clipped += 1;
        expect(exactSquare(Array.from(values, (value) => value * factor)) <= exact(clipNorm) ** 2n).toBe(
          true,
        );
      }),
    );
    expect(clipped).toBeGreaterThan(10);
  });
});
