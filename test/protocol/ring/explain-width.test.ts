import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { RandomNumbers, seededRandom } from '../../../protocol/random.ts';
import { explainWidth } from '../../../protocol/ring/explain-width.ts';
import { RingSum } from '../../../protocol/ring/sum.ts';
import { encodeUpdate } from '../../../protocol/ring/update.ts';
import { checkCodec, planCodec } from '../../../protocol/ring/width.ts';
import type { Codec } from '../../../schemas/codec.ts';

const plan = { clipNorm: 2, cohortMax: 100, weightMax: 1, counters: 0 };

describe('explainWidth', () => {
  test('of a hundred updates of a million coordinates, by hand', () => {
    // (2^23 - 1) / 100 = 83886.07; (2^15 - 1) / 100 = 327.67
    expect(explainWidth(planCodec(plan), 1_000_000, 100)).toEqual({
      width: 24,
      worstCase: { coordinate: 2, grid: 2 / 83_885, largest: 83_886, updates: 100, noise: 0, sum: 8_388_600 },
      range: 8_388_607,
      bitsNeeded: 24,
      levels: 83_885,
      levelsWanted: 16_384,
      narrower: { width: 16, levels: 326, share: 1000 / 652 },
      rounding: {
        coordinate: 2 / 83_885,
        norm: 1000 / 83_885,
        share: 500 / 83_885,
        shareOfMean: 50 / 83_885,
      },
      updateBytes: 64 + 3_000_000 + 4,
      float32Bytes: 4_000_000,
    });
  });

  test('of turned updates: the bound counts in place of the clip norm', () => {
    const codec: Codec = {
      ...planCodec(plan),
      width: 16,
      grid: 0.25 / 326,
      rotation: { block: 4096, bound: 0.25 },
    };
    expect(explainWidth(codec, 10_000, 100)).toMatchObject({
      worstCase: { coordinate: 0.25, largest: 327, sum: 32_700 },
      bitsNeeded: 16,
      levels: 326 * 8,
      narrower: null,
      rounding: { share: 50 / (326 * 8) },
      updateBytes: 64 + 20_000 + 4,
    });
    const wide = explainWidth({ ...codec, width: 24, grid: codec.grid / 256 }, 10_000, 100);
    expect(wide.narrower).toEqual({ width: 16, levels: 326 * 8, share: 50 / (326 * 8) });
  });

  test('says where nothing narrower fits, and where fewer bits would do', () => {
    const huge = planCodec({ ...plan, cohortMax: 10_000_000 });
    expect(explainWidth(huge, 9, 10_000_000).narrower).toEqual({ width: 24, levels: 0, share: null });
    expect(explainWidth({ ...planCodec(plan), grid: 2 / 100 }, 9, 100).bitsNeeded).toBe(15);
    expect(explainWidth(planCodec({ ...plan, width: 20 }), 9, 100).narrower?.width).toBe(16);
  });

  test('the bits needed are the fewest for which the sum is permitted', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 16, max: 32 }),
        fc.integer({ min: 1, max: 8000 }),
        fc.option(fc.integer({ min: 1, max: 1_000_000 }), { nil: undefined }),
        fc.integer({ min: 1, max: 40 }),
        (width, cohortMax, rotated, coarser) => {
          const planned = planCodec({ ...plan, width, cohortMax, ...(rotated && { rotated }) });
          const codec = { ...planned, grid: planned.grid * coarser };
          const { bitsNeeded } = explainWidth(codec, rotated ?? 7, cohortMax);
          expect(() => checkCodec({ ...codec, width: bitsNeeded }, cohortMax)).not.toThrow();
          expect(() => checkCodec({ ...codec, width: bitsNeeded - 1 }, cohortMax)).toThrow();
        },
      ),
    );
  });

  test('rounding moves real updates by what is said, and not by much less', () => {
    const length = 10_000;
    const count = 4;
    const rotationSeed = new Uint8Array(32);
    const numbers = new RandomNumbers(seededRandom(rotationSeed));
    const delta = Float32Array.from({ length }, () => 0.01 * numbers.normal());
    const errorOf = (codec: Codec, updates: number) => {
      const sum = new RingSum(codec, length);
      for (let i = 0; i < updates; i += 1) {
        const random = seededRandom(new Uint8Array(32).fill(i));
        sum.add(encodeUpdate({ delta, weight: 1, counters: [], rotationSeed }, codec, random));
      }
      return Math.hypot(...sum.open(rotationSeed).mean.map((value, i) => value - (delta[i] as number)));
    };
    for (const more of [{}, { rotated: length }]) {
      const codec = planCodec({ ...plan, cohortMax: count, width: 16, ...more });
      const { rounding } = explainWidth(codec, length, count);
      for (const [got, most] of [
        [errorOf(codec, 1), rounding.norm],
        [errorOf(codec, count), rounding.shareOfMean * codec.clipNorm],
      ] as const) {
        expect(got).toBeLessThan(most);
        expect(got).toBeGreaterThan(0.6 * most);
      }
    }
  });
});
