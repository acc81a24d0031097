import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { nativeSeededRandom } from '../../../client/native-key-stream.ts';
import { roundedGaussianSampler } from '../../../protocol/dp/rounded-gaussian.ts';
import { erfc } from '../../../protocol/dp/special-functions.ts';
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
