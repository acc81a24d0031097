import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { binomialTail } from '../../../protocol/dp/binomial-tail.ts';
import { LARGER_LOT } from '../../../protocol/dp/job-privacy.ts';
import { drawLot, lotMost } from '../../../protocol/dp/lot.ts';
import { type RandomSource, seededRandom } from '../../../protocol/random.ts';

const seeded = (byte: number) => seededRandom(new Uint8Array(32).fill(byte));
/** A source of one word, again and again, low word of a coin after its high word. */
const words = (...values: number[]): RandomSource => ({
  fill(target) {
    const view = new DataView(target.buffer, target.byteOffset, target.byteLength);
    for (let at = 0; at < target.length; at += 4)
      view.setUint32(at, values[(at / 4) % values.length] ?? 0, true);
  },
});

describe('a lot', () => {
  test('is a set of units, ascending; all of them at rate 1, none at rate 0', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 0, max: 20_000 }),
        fc.double({ min: 0, max: 1, noNaN: true }),
        (units, rate) => {
          const lot = drawLot(units, rate, seeded(units % 256), units);
          lot.forEach((unit, at) => {
            expect(unit).toBeLessThan(units);
            if (at > 0) expect(unit).toBeGreaterThan(lot[at - 1] as number);
          });
        },
      ),
      { numRuns: 50 },
    );
    expect([...drawLot(3, 1, words(0xffff_ffff))]).toEqual([0, 1, 2]);
    expect([...drawLot(3, 0, words(0))]).toEqual([]);
  });

  test('a coin of 53 bits falls below the rate exactly as often as the rate says', () => {
    // 0.25 is 2^51 of 2^53 coins: the last one in, the first one out. The lowest 11 bits of the high word do not count.
    expect([...drawLot(1, 0.25, words(0x3fff_ffff, 0xffff_ffff))]).toEqual([0]);
    expect([...drawLot(1, 0.25, words(0x4000_0000, 0))]).toEqual([]);
  });

  test('its size has mean and variance of the binomial law, and each unit its share', () => {
    const [units, rate, lots] = [400, 0.1, 3000];
    const random = seeded(5);
    const seen = new Float64Array(units);
    const sizes = Array.from({ length: lots }, () => {
      const lot = drawLot(units, rate, random, units);
      for (const unit of lot) seen[unit] = (seen[unit] as number) + 1;
      return lot.length;
    });
    const mean = sizes.reduce((a, b) => a + b, 0) / lots;
    const variance = sizes.reduce((sum, size) => sum + (size - mean) ** 2, 0) / lots;
    // Five standard errors: of the mean 6 / sqrt(3000), of the variance 36 sqrt(2 / 3000).
    expect(Math.abs(mean - 40)).toBeLessThan(0.55);
    expect(Math.abs(variance - 36)).toBeLessThan(4.7);
    // Chi-square with 400 degrees of freedom: mean 400, deviation 28.
    const chi = seen.reduce((sum, count) => sum + (count - 300) ** 2 / (300 * 0.9), 0);
    expect(Math.abs(chi - 400)).toBeLessThan(140);
  });

  test('is refused beyond its bound', () => {
    expect(drawLot(5, 1, words(0), 5)).toHaveLength(5);
    expect(() => drawLot(5, 1, words(0), 4)).toThrow(expect.objectContaining({ code: 'lotTooLarge' }));
  });
});

describe('the most that a lot holds', () => {
  test.each([
    [6000, 0.05],
    [20, 0.05],
    [1_000_000, 0.001],
    [10, 1],
  ])('of %d units at rate %d is the least size whose tail is below 1e-12', (units, rate) => {
    const most = lotMost(units, rate);
    expect(binomialTail(units, rate, most + 1)).toBeLessThanOrEqual(LARGER_LOT);
    if (most > 0) expect(binomialTail(units, rate, most)).toBeGreaterThan(LARGER_LOT);
  });

  // By exact fractions: P[X >= 426] = 1.093e-12, P[X >= 427] = 0.747e-12.
  test('known: 300 expected of 6000', () => expect(lotMost(6000, 0.05)).toBe(426));
});
