import { expect, test } from 'vitest';
import { nativeSeededRandom } from '../../../client/native-key-stream.ts';
import { discreteGaussianSampler } from '../../../protocol/dp/discrete-gaussian-sampler.ts';
import { rationalOf } from '../../../protocol/dp/fixed-point.ts';
import { exactDiscreteGaussian } from './exact-discrete-gaussian.ts';
import { areApart, discreteGaussianLaw, failedChecks, MUTANTS } from './noise-judgement.ts';

const random = (seed: number) => nativeSeededRandom(new Uint8Array(32).fill(seed));

function exactly(sigma: number, count: number): Int32Array {
  const { numerator, denominator } = rationalOf(sigma);
  const variance = { numerator: numerator ** 2n, denominator: denominator ** 2n };
  const draw = exactDiscreteGaussian(variance, random(4));
  return Int32Array.from({ length: count }, () => Number(draw()));
}

test.each([0.5, 3.7, 793.25])('the exact sampler and the table draw alike: sigma %d', (sigma) => {
  const exact = exactly(sigma, 10_000);
  const tabled = new Int32Array(200_000);
  discreteGaussianSampler(sigma, random(5)).addTo(tabled);
  expect(failedChecks(exact, discreteGaussianLaw(sigma))).toEqual([]);
  expect(areApart(exact, tabled)).toBe(false);
  // What is drawn with half of the noise, or of one side, is apart.
  expect(areApart(exact, MUTANTS['half of the noise'](tabled, sigma))).toBe(true);
  expect(areApart(exact, tabled.map(Math.abs))).toBe(true);
});

test('a variance may be any positive rational number', () => {
  const draw = exactDiscreteGaussian({ numerator: 1n, denominator: 3n }, random(6));
  const values = Int32Array.from({ length: 10_000 }, () => Number(draw()));
  expect(failedChecks(values, discreteGaussianLaw(Math.sqrt(1 / 3)))).toEqual([]);
  expect(failedChecks(values, discreteGaussianLaw(1 / 3))).not.toEqual([]);
  // 2^40 and beyond: the deviation is known to a few percent.
  const wide = exactDiscreteGaussian({ numerator: 1n << 160n, denominator: 1n }, random(7));
  const squares = Array.from({ length: 2000 }, () => (Number(wide()) / 2 ** 80) ** 2);
  expect(Math.abs(squares.reduce((sum, square) => sum + square, 0) / 2000 - 1)).toBeLessThan(0.15);
  for (const numerator of [0n, -1n])
    expect(() => exactDiscreteGaussian({ numerator, denominator: 1n }, random(1))).toThrow(RangeError);
});
