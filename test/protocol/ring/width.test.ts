import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  checkCodec,
  coordinateBound,
  largestOf,
  levelsOf,
  peakOf,
  planCodec,
} from '../../../protocol/ring/width.ts';

const plan = { clipNorm: 2, cohortMax: 100, weightMax: 600, counters: 0 };
const overflow = expect.objectContaining({ code: 'ringOverflow' });

describe('planCodec', () => {
  test('chooses 24 bits for a hundred participants, by hand', () => {
    // (2^23 - 1) / 100 = 83886.07: at most 83886 units a coordinate, one of which is left for rounding.
    expect(planCodec(plan)).toEqual({
      version: 1,
      clipNorm: 2,
      width: 24,
      grid: 2 / 83_885,
      weightMax: 600,
      counters: 0,
    });
  });

  test('takes the narrowest fast width that is fine enough, else 32', () => {
    const width = (cohortMax: number) => planCodec({ ...plan, cohortMax }).width;
    expect([1, 2, 511, 512, 10_000, 5_000_000].map(width)).toEqual([16, 24, 24, 32, 32, 32]);
  });

  test('the worst case fits, for every cohort and width, and with one bit less does not', () => {
    fc.assert(
      fc.property(
        fc.double({ min: 1e-6, max: 1e6, noNaN: true }),
        fc.integer({ min: 16, max: 32 }),
        fc.integer({ min: 1, max: 8000 }),
        (clipNorm, width, cohortMax) => {
          const codec = planCodec({ ...plan, clipNorm, width, cohortMax });
          const worst = BigInt(cohortMax) * (BigInt(Math.floor(levelsOf(codec))) + 1n);
          expect(worst <= 2n ** BigInt(width - 1) - 1n).toBe(true);
          expect(worst > 2n ** BigInt(width - 2) - 1n).toBe(true);
          expect(() => checkCodec({ ...codec, width: width - 1 }, cohortMax)).toThrow(overflow);
        },
      ),
    );
  });

  test('gives the finest grid', () => {
    const codec = planCodec(plan);
    expect(() => checkCodec(codec, 100)).not.toThrow();
    expect(() => checkCodec({ ...codec, grid: 2 / 83_886.5 }, 100)).toThrow(overflow);
  });

  test('refuses cohorts and weights that no grid helps', () => {
    expect(() => planCodec({ ...plan, width: 16, cohortMax: 16_383 })).not.toThrow();
    expect(() => planCodec({ ...plan, width: 16, cohortMax: 16_384 })).toThrow(overflow);
    expect(() => planCodec({ ...plan, weightMax: 42_949_672 })).not.toThrow();
    expect(() => planCodec({ ...plan, weightMax: 42_949_673 })).toThrow(overflow);
  });
});

describe('checkCodec', () => {
  test('says what does not fit', () => {
    const codec = planCodec(plan);
    expect(() => checkCodec(codec, 100)).not.toThrow();
    expect(() => checkCodec(codec, 101)).toThrow(
      expect.objectContaining({
        detail: { worstCase: '101 updates with coordinates up to 83886 exceed 8388607', bits: 24 },
      }),
    );
  });

  test('refuses figures that are not numbers', () => {
    const codec = planCodec(plan);
    expect(() => checkCodec({ ...codec, grid: Number.NaN }, 100)).toThrow(overflow);
    expect(() => checkCodec({ ...codec, weightMax: Number.NaN }, 1)).toThrow(overflow);
  });
});

describe('with a rotation', () => {
  const million = { ...plan, rotated: 1_000_000 };

  test('a coordinate is bounded by less than C, by hand, and the grid is finer in proportion', () => {
    // sqrt(2 ln(2^21 * 10^6) / 2^18) = sqrt(2 * 28.37 / 262144) = 0.01471
    const codec = planCodec({ ...million, width: 24 });
    expect(codec.rotation?.block).toBe(262_144);
    expect(codec.rotation?.bound).toBeCloseTo(2 * 0.014_713, 5);
    expect(codec.grid).toBe((codec.rotation?.bound ?? 0) / 83_885);
    expect(planCodec({ ...plan, width: 24 }).grid / codec.grid).toBeCloseTo(67.97, 1);
  });

  test('fewer bits are enough, for as many participants as the grid permits', () => {
    const width = (cohortMax: number) => planCodec({ ...million, cohortMax }).width;
    expect([2, 134, 135, 10_000].map(width)).toEqual([16, 16, 24, 24]);
    expect(planCodec({ ...plan, cohortMax: 2 }).width).toBe(24); // the control
  });

  test('a small model gains little, and loses nothing', () => {
    for (const rotated of [1, 2, 23]) {
      const { rotation, ...codec } = planCodec({ ...plan, rotated });
      expect(rotation).toEqual({ block: Math.min(16, Math.max(2, rotated & ~1)), bound: 2 });
      expect(codec).toEqual(planCodec(plan));
    }
  });

  test('the worst case fits, for every cohort, width and length, and with one bit less does not', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 16, max: 32 }),
        fc.integer({ min: 1, max: 8000 }),
        fc.integer({ min: 1, max: 5_000_000 }),
        (width, cohortMax, rotated) => {
          const codec = planCodec({ ...plan, weightMax: 50, width, cohortMax, rotated });
          const worst = BigInt(cohortMax) * BigInt(largestOf(codec));
          expect(worst <= 2n ** BigInt(width - 1) - 1n).toBe(true);
          expect(worst > 2n ** BigInt(width - 2) - 1n).toBe(true);
          expect(() => checkCodec({ ...codec, width: width - 1 }, cohortMax)).toThrow(overflow);
        },
      ),
    );
  });

  test('a bound above C says no more than C, and one that is not kept to is refused', () => {
    const codec = planCodec({ ...plan, width: 24 });
    const bounded = (bound: number) => ({ ...codec, rotation: { block: 1024, bound } });
    expect(coordinateBound(bounded(50))).toBe(2);
    expect(coordinateBound(bounded(0.5))).toBe(0.5);
    expect(peakOf(bounded(50))).toBe(levelsOf(codec));
    expect(peakOf(bounded(0.5), 300)).toBe(levelsOf(codec) / 8);
    expect(() => checkCodec(bounded(50), 100)).not.toThrow();
    expect(() => checkCodec({ ...bounded(0.5), grid: codec.grid / 4 }, 100)).not.toThrow();
    expect(() => checkCodec({ ...bounded(0.5), grid: codec.grid / 4.1 }, 100)).toThrow(overflow);
    expect(() => checkCodec(bounded(Number.NaN), 100)).toThrow(overflow);
  });
});

describe('levelsOf', () => {
  test('is C/g, in proportion to the weight', () => {
    const codec = { ...planCodec(plan), clipNorm: 2, grid: 0.25, weightMax: 4 };
    expect(levelsOf(codec)).toBe(8);
    expect(levelsOf(codec, 1)).toBe(2);
  });
});
