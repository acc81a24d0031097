import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { RandomNumbers, type RandomSource, seededRandom } from '../../../protocol/random.ts';
import { quantize as quantizeInBlocks, roundedNormSquared } from '../../../protocol/ring/quantize.ts';

const seeded = (byte: number) => seededRandom(new Uint8Array(32).fill(byte));

/** Counts the bytes drawn; every byte has the given value. */
function constantRandom(byte: number): RandomSource & { drawn: number; largestFill: number } {
  return {
    drawn: 0,
    largestFill: 0,
    fill(target) {
      this.drawn += target.length;
      this.largestFill = Math.max(this.largestFill, target.length);
      target.fill(byte);
    },
  };
}

/** The blocks put together. */
function quantize(values: Float32Array, scale: number, levels: number, random: RandomSource): Int32Array {
  const rounded = new Int32Array(values.length);
  quantizeInBlocks(values, scale, levels, random, (block, start) => rounded.set(block, start));
  return rounded;
}

describe('quantize', () => {
  test('rounds up where the random word exceeds what is missing, by hand', () => {
    const values = Float32Array.of(0.25, -0.25, 3, -3, 2.5);
    const rounded = (byte: number) => [...quantize(values, 2, 100, constantRandom(byte))];
    expect(rounded(0)).toEqual([0, -1, 6, -6, 5]);
    expect(rounded(0x7f)).toEqual([0, -1, 6, -6, 5]);
    expect(rounded(0x80)).toEqual([1, 0, 6, -6, 5]);
    expect(rounded(0xff)).toEqual([1, 0, 6, -6, 5]);
  });

  test('draws 32 bits a coordinate, in blocks that WebCrypto accepts', () => {
    const random = constantRandom(0);
    quantize(new Float32Array(40_000), 1, 1, random);
    expect(random.drawn).toBe(160_000);
    expect(random.largestFill).toBe(65_536);
    const starts: number[] = [];
    quantizeInBlocks(new Float32Array(40_000), 1, 1, random, ({ length }, start) => {
      starts.push(start, length);
    });
    expect(starts).toEqual([0, 16_384, 16_384, 16_384, 32_768, 7232]); // each begins at a word, whatever the width
  });

  test('moves no coordinate by a whole unit, keeps the norm and the largest coordinate', () => {
    const numbers = new RandomNumbers(seeded(1));
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 200 }),
        fc.double({ min: 0.1, max: 1e5, noNaN: true }),
        (length, levels) => {
          const raw = Float32Array.from({ length }, () => numbers.normal());
          const scale = (levels / Math.hypot(...raw)) * (1 - 1e-6);
          const rounded = quantize(raw, scale, levels, seeded(length % 256));
          let squaredNorm = 0;
          rounded.forEach((value, i) => {
            expect(Math.abs(value - (raw[i] as number) * scale)).toBeLessThan(1);
            expect(Math.abs(value)).toBeLessThanOrEqual(Math.floor(levels) + 1);
            squaredNorm += value ** 2;
          });
          expect(squaredNorm).toBeLessThanOrEqual(roundedNormSquared(levels, length));
        },
      ),
      { numRuns: 60 },
    );
  });

  test('is unbiased: the mean of many roundings lies within five standard deviations', () => {
    const values = Float32Array.of(0.1, -0.1, 0.5, 3.75, -7.3, 0, 20.999);
    const random = seeded(2);
    const draws = 20_000;
    const sums = new Float64Array(values.length);
    for (let i = 0; i < draws; i += 1)
      quantize(values, 1, 100, random).forEach((value, k) => {
        sums[k] = (sums[k] as number) + value;
      });
    values.forEach((value, k) => {
      const up = value - Math.floor(value);
      const deviation = Math.sqrt((up * (1 - up)) / draws);
      expect(Math.abs((sums[k] as number) / draws - value)).toBeLessThanOrEqual(5 * deviation + 1e-6);
    });
  });

  test('draws again while the rounded vector is too long', () => {
    // 25 coordinates of 0.4 have norm 2; all rounded up they have 5, and 25 > D^2 = min(49, 4 + 6.25 + 2 + 2.5).
    const values = new Float32Array(25).fill(0.4);
    expect(roundedNormSquared(2, 25)).toBe(14.75);
    let fills = 0;
    const stubborn: RandomSource = {
      fill(target) {
        fills += 1;
        target.fill(fills < 3 ? 0xff : 0);
      },
    };
    expect([...quantize(values, 1, 2, stubborn)]).toEqual(new Array(25).fill(0));
    expect(fills).toBe(3);
    // The control: where the bound permits it, the first draw stands.
    expect([...quantize(values, 1, 10, constantRandom(0xff))]).toEqual(new Array(25).fill(1));
  });

  test('rounds towards zero after 64 tries', () => {
    const values = Float32Array.of(1.5, -1.5, ...new Array(23).fill(0.4));
    const random = constantRandom(0xff);
    expect([...quantize(values, 1, 2.9, random)]).toEqual([1, -1, ...new Array(23).fill(0)]);
    expect(random.drawn).toBe(64 * 4 * 25);
  });

  test('refuses what is not finite, and values beyond the stated norm', () => {
    const values = new Float32Array(5).fill(1);
    expect(() => quantize(values, 1, 3, seeded(3))).not.toThrow();
    expect(() => quantize(values, 100, 3, seeded(3))).toThrow(RangeError);
    values[3] = Number.NaN;
    expect(() => quantize(values, 1, 3, seeded(3))).toThrow(
      expect.objectContaining({ code: 'trainingDiverged' }),
    );
    values[3] = Number.NEGATIVE_INFINITY;
    expect(() => quantize(values, 1, 3, seeded(3))).toThrow(
      expect.objectContaining({ code: 'trainingDiverged' }),
    );
  });
});

describe('roundedNormSquared', () => {
  test('is the smaller of the two bounds, by hand', () => {
    expect(roundedNormSquared(0, 4)).toBe(2); // min(4, 0 + 1 + 0 + 1)
    expect(roundedNormSquared(0.25, 1)).toBe(1.0625); // min(1.5625, 0.0625 + 0.25 + 0.25 + 0.5)
    expect(roundedNormSquared(1000, 10_000)).toBe(1_003_550); // min(1_210_000, ...)
  });

  test('is hardly ever exceeded in high dimension, so that one try suffices', () => {
    const length = 10_000;
    const numbers = new RandomNumbers(seeded(4));
    const raw = Float32Array.from({ length }, () => numbers.normal());
    const counting = { tries: 0 };
    const random = seeded(5);
    const source: RandomSource = {
      fill(target) {
        counting.tries += 1;
        random.fill(target);
      },
    };
    for (let i = 0; i < 50; i += 1) quantize(raw, 2000 / Math.hypot(...raw) / 1.0001, 2000, source);
    expect(counting.tries).toBe(50);
  });
});
