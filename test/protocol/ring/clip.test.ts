import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { RandomNumbers, seededRandom } from '../../../protocol/random.ts';
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

  test('adds in the order of SPEC.md 5.5, to the bit', () => {
    const numbers = new RandomNumbers(seededRandom(new Uint8Array(32)));
    const others = { oneAfterTheOther: 0, partialSumsInARow: 0 };
    for (let run = 0; run < 300; run += 1) {
      const values = Float32Array.from({ length: 1 + numbers.below(99) }, () => numbers.normal());
      const s = [0, 0, 0, 0] as [number, number, number, number];
      let all = 0;
      values.forEach((value, i) => {
        s[(i % 4) as 0 | 1 | 2 | 3] += value * value;
        all += value * value;
      });
      const norm = l2Norm(values);
      expect(norm).toBe(Math.sqrt(s[0] + s[1] + (s[2] + s[3])));
      // The control: other orders do give other bits, some of the time.
      if (norm !== Math.sqrt(all)) others.oneAfterTheOther += 1;
      if (norm !== Math.sqrt(s[0] + s[1] + s[2] + s[3])) others.partialSumsInARow += 1;
    }
    expect(others.oneAfterTheOther).toBeGreaterThan(10);
    expect(others.partialSumsInARow).toBeGreaterThan(10);
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

  test('is not finite if a value is not, wherever it stands', () => {
    for (let at = 0; at < 7; at += 1)
      for (const poison of [Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY]) {
        const values = new Float32Array(7).fill(1);
        expect(l2Norm(values)).toBe(Math.sqrt(7));
        values[at] = poison;
        expect(Number.isFinite(l2Norm(values))).toBe(false);
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
