import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { nativeSeededRandom } from '../../../client/native-key-stream.ts';
import { discreteGaussianTable } from '../../../protocol/dp/discrete-gaussian-sampler.ts';
import { roundedGaussianSampler } from '../../../protocol/dp/rounded-gaussian.ts';
import { erfc } from '../../../protocol/dp/special-functions.ts';
import type { RandomSource } from '../../../protocol/random.ts';
import { discreteGaussianLaw, failedChecks, type HalfLaw, MUTANTS } from './noise-judgement.ts';

const random = (seed: number) => nativeSeededRandom(new Uint8Array(32).fill(seed));

function drawn(sigma: number, count: number): Int32Array {
  const values = new Float64Array(count);
  roundedGaussianSampler(sigma, random(8)).addTo(values);
  return Int32Array.from(values);
}

/** P(round(N(0, s^2)) = k), relative to that of zero. */
function roundedLaw(sigma: number): HalfLaw {
  const above = (x: number) => erfc(x / (sigma * Math.SQRT2)) / 2;
  const length = Math.ceil(13 * sigma) + 2;
  return Float64Array.from({ length }, (_, k) => above(k - 0.5) - above(k + 0.5));
}

test.each([0.5, 1, 3.7, 793.25])('draws follow the law, and their mutants do not: sigma %d', (sigma) => {
  const draws = drawn(sigma, 80_000);
  const law = roundedLaw(sigma);
  expect(failedChecks(draws, law)).toEqual([]);
  expect(failedChecks(MUTANTS['half of the noise'](draws, sigma), law)).toContain('chi-square');
  if (sigma > 1) expect(failedChecks(MUTANTS['no tail'](draws, sigma), law)).toContain('tail');
  expect(failedChecks(MUTANTS['zero counted with both signs'](draws, sigma), law)).toContain('zero');
  // It is not the discrete Gaussian, whose variance is less by 1/12.
  if (sigma <= 1) expect(failedChecks(draws, discreteGaussianLaw(sigma))).toContain('chi-square');
});

test.each([2 ** 20, 2 ** 40, 2 ** 46])('wide noise is normal: sigma %d', (sigma) => {
  const cells = 20;
  const draws = new Float64Array(50_000);
  roundedGaussianSampler(sigma, random(9)).addTo(draws);
  expect(draws.every(Number.isSafeInteger)).toBe(true);
  const coarse = Int32Array.from(draws, (draw) => Math.round((draw / sigma) * cells));
  expect(failedChecks(coarse, roundedLaw(cells))).toEqual([]);
  expect(failedChecks(coarse, roundedLaw(1.03 * cells))).not.toEqual([]);
  // The last bits are as good as fair coins.
  const odd = draws.reduce((count, draw) => count + Math.abs(draw % 2), 0);
  expect(Math.abs(odd - 25_000)).toBeLessThan(5.4 * Math.sqrt(50_000 / 4));
});

test('rounding is exact: a draw is the rounding of the same draw on a finer grid', () => {
  const case_ = fc.record({
    sigma: fc.double({ min: 0.5, max: 1000, noNaN: true }),
    finer: fc.integer({ min: 1, max: 36 }),
    seed: fc.uint8Array({ minLength: 32, maxLength: 32 }),
  });
  fc.assert(
    fc.property(case_, ({ sigma, finer, seed }) => {
      const factor = 2 ** finer;
      const value = roundedGaussianSampler(sigma, nativeSeededRandom(seed)).draw();
      const fine = roundedGaussianSampler(sigma * factor, nativeSeededRandom(seed)).draw();
      expect(Math.abs(fine / factor - value)).toBeLessThanOrEqual(0.5 + 0.5 / factor);
    }),
    { numRuns: 300 },
  );
});

describe('by its words a draw is decided', () => {
  const CELL = 5;
  /** Cells are 3 wide, and all are the fifth: a draw rounds 3 (5 + x). */
  const drawnFrom = (words: readonly number[], sigma = 96) => {
    const { leads } = discreteGaussianTable(32);
    const cell = 2 * ((leads[CELL] as number) - 1);
    const blocks = [
      Array<number>(1024).fill(cell),
      [...words, ...Array<number>(1024 - words.length).fill(0)],
    ];
    const source: RandomSource = {
      fill(target) {
        const view = new DataView(target.buffer, target.byteOffset, target.length);
        for (const [at, word] of (blocks.shift() ?? []).entries()) view.setUint32(4 * at, word, true);
      },
    };
    return roundedGaussianSampler(sigma, source).draw();
  };
  /** First of their 11 bits that are not below 2 x 5, below it, and equal to it. */
  const [OUT, KEPT, OPEN] = [2047 * 2 ** 21, 9 * 2 ** 21, 10 * 2 ** 21] as const;
  /** x of 7/16, which makes it 16, and of 15/16, which makes it 18. */
  const [X, OTHER] = [0x7000_0000, 0xf000_0000] as const;

  test.each<[string, number, number[]]>([
    ['a coin that falls at once accepts', 16, [OUT, X]],
    ['its lowest bit is the sign', -16, [OUT + 1, X]],
    ['so is that of the last coin', 16, [KEPT + 1, 0x2000_0000, X, KEPT, 0x1000_0000, OUT]],
    ['a run of none accepts', 16, [KEPT, 0x9000_0000, X]],
    ['a run of one does not', 18, [KEPT, 0x2000_0000, X, OUT, OUT, OTHER]],
    ['a run of two accepts', 16, [KEPT, 0x2000_0000, X, KEPT, 0x1000_0000, OUT]],
    ['a run ends where it rises', 18, [KEPT, 0x2000_0000, X, KEPT, 0x3000_0000, OUT, OTHER]],
    ['a run of three does not accept', 18, [KEPT, 3, X, KEPT, 2, KEPT, 1, OUT, OUT, OTHER]],
    ['the last step of a coin is kept below x', 18, [OPEN, X - 1, X, 0x2000_0000, OUT, OUT, OTHER]],
    ['after which a run of none accepts', 16, [OPEN, X - 1, X, 0x9000_0000, OUT, OTHER]],
    ['and not above', 16, [OPEN, X + 1, X, 0x2000_0000, OUT, OUT, OTHER]],
    ['further digits decide between equal ones', 16, [OPEN, X, X, 7, 6]],
    ['so that one may be below', 18, [OPEN, X, X, 6, 7, 0x2000_0000, OUT, OUT, OTHER]],
    // 3 (5 + 1/6) is 15.5.
    ['little below a half', 15, [OUT, 0x2aaa_aaaa, 0xaaaa_aaaa, 0xaaaa_aaaa, 0xaaaa_aaa9]],
    ['little above it', 16, [OUT, 0x2aaa_aaaa, 0xaaaa_aaaa, 0xaaaa_aaaa, 0xaaaa_aaab]],
  ])('%s', (_, value, words) => {
    expect(drawnFrom(words)).toBe(value);
  });

  test('where doubles are on the wrong side of a half, integers are not', () => {
    const words = [0x654e_c174, 0x1b7d_e029, 0x324f_2423, 0x4985_09b2];
    const sigma = 145.29999999999984;
    const fraction = ((words[0] as number) + (words[1] as number) / 2 ** 32) / 2 ** 32;
    expect((sigma / 32) * (CELL + fraction)).toBeGreaterThan(24.5);
    expect(drawnFrom([OUT, ...words], sigma)).toBe(24);
    expect(drawnFrom([OUT, ...words.slice(0, 3), 0x4985_09b4], sigma)).toBe(25);
  });
});

describe('an integer is added to an integer', () => {
  test('whose sum is exact, or refused', () => {
    const values = Float64Array.of(2 ** 52, -(2 ** 52), 0);
    const alone = new Float64Array(3);
    roundedGaussianSampler(16, random(10)).addTo(values);
    roundedGaussianSampler(16, random(10)).addTo(alone);
    expect([...values]).toEqual(
      [...alone].map((noise, i) => noise + ([2 ** 52, -(2 ** 52), 0][i] as number)),
    );
    for (const value of [0.5, Number.NaN, 2 ** 53 + 2 ** 20])
      expect(() => roundedGaussianSampler(1, random(10)).addTo(Float64Array.of(value))).toThrow(RangeError);
    expect(Object.is(roundedGaussianSampler(0.5, random(10)).draw(), -0)).toBe(false);
    expect(roundedGaussianSampler(1, random(10)).slack).toBeLessThan(2 ** -100);
  });

  test('with noise that is neither too small nor too large', () => {
    for (const sigma of [0, -1, 0.49, Number.NaN])
      expect(() => roundedGaussianSampler(sigma, random(1))).toThrow(
        expect.objectContaining({ code: 'noiseTooSmall' }),
      );
    expect(() => roundedGaussianSampler(2 ** 46 + 2, random(1))).toThrow(
      expect.objectContaining({ code: 'noiseTableTooLarge' }),
    );
    expect(Number.isSafeInteger(roundedGaussianSampler(2 ** 46, random(1)).draw())).toBe(true);
  });
});
