/**
 * What takes seconds of `discrete-gaussian-sampler.test.ts` and its neighbours: tables of 50,000 magnitudes against laws to a
 * hundred digits, and millions of draws.
 */
import { describe, expect, test } from 'vitest';
import { nativeSeededRandom } from '../../../client/native-key-stream.ts';
import {
  discreteGaussianSampler,
  discreteGaussianTable,
  tableSlack,
} from '../../../protocol/dp/discrete-gaussian-sampler.ts';
import { rationalOf } from '../../../protocol/dp/fixed-point.ts';
import { roundedGaussianSampler } from '../../../protocol/dp/rounded-gaussian.ts';
import { skellamSampler, skellamSlack } from '../../../protocol/dp/skellam-sampler.ts';
import { exactDiscreteGaussian } from './exact-discrete-gaussian.ts';
import { areApart, discreteGaussianLaw, failedChecks, MUTANTS } from './noise-judgement.ts';
import { discreteGaussianWeights, distanceOf } from './precise-law.ts';

const random = (seed: number) => nativeSeededRandom(new Uint8Array(32).fill(seed));

test.each([100.1, 793.25, 4096])('the table is as near to the law as it says: sigma %d', (sigma) => {
  const distance = distanceOf(discreteGaussianTable(sigma), discreteGaussianWeights(rationalOf(sigma)));
  expect(distance).toBeLessThanOrEqual(tableSlack(sigma));
  expect(distance).toBeGreaterThan(tableSlack(sigma) / 10);
  expect(tableSlack(sigma)).toBeLessThan(2 ** -103);
});

describe.each([0.5, 1, 3.7, 16, 793.25, 4096])('sigma %d', (sigma) => {
  const law = discreteGaussianLaw(sigma);

  test.each([11, 12])('two million draws follow the law: seed %d', (seed) => {
    const draws = new Int32Array(2_000_000);
    discreteGaussianSampler(sigma, random(seed)).addTo(draws);
    expect(failedChecks(draws, law)).toEqual([]);
    // As little as a hundredth of the deviation is seen, and a zero with two signs in any of them.
    const near = discreteGaussianLaw(1.01 * sigma);
    expect(failedChecks(draws, near)).toEqual(expect.arrayContaining(['chi-square', 'variance']));
    expect(failedChecks(MUTANTS['zero counted with both signs'](draws, sigma), law)).toContain('zero');
    if (sigma > 1) expect(failedChecks(MUTANTS['no tail'](draws, sigma), law)).toContain('tail');
  });

  test('the exact sampler draws alike', () => {
    const { numerator, denominator } = rationalOf(sigma);
    const variance = { numerator: numerator ** 2n, denominator: denominator ** 2n };
    const draw = exactDiscreteGaussian(variance, random(14));
    const exact = Int32Array.from({ length: 60_000 }, () => Number(draw()));
    const tabled = new Int32Array(2_000_000);
    discreteGaussianSampler(sigma, random(15)).addTo(tabled);
    expect(failedChecks(exact, law)).toEqual([]);
    expect(areApart(exact, tabled)).toBe(false);
    const other = new Int32Array(2_000_000);
    discreteGaussianSampler(Math.max(0.5, 0.9 * sigma), random(16)).addTo(other);
    if (sigma > 0.5) expect(areApart(exact, other)).toBe(true);
  });
});

test('every variance of Skellam noise has a table', () => {
  for (let power = 14; power <= 24; power += 0.5) expect(skellamSlack(2 ** power)).toBeLessThan(2 ** -103);
});

test('wide Skellam noise is discrete Gaussian as far as anybody sees', () => {
  const draws = new Int32Array(2_000_000);
  skellamSampler(4096 ** 2, random(17)).addTo(draws);
  expect(failedChecks(draws, discreteGaussianLaw(4096))).toEqual([]);
});

test('two million rounded draws have the variance s^2 + 1/12', () => {
  const draws = new Float64Array(2_000_000);
  roundedGaussianSampler(1.5, random(18)).addTo(draws);
  const variance = draws.reduce((sum, draw) => sum + draw * draw, 0) / draws.length;
  const deviation = 2.3 * Math.sqrt(2 / draws.length);
  expect(Math.abs(variance - (1.5 ** 2 + 1 / 12))).toBeLessThan(5.4 * deviation);
  expect(Math.abs(variance - 1.5 ** 2)).toBeGreaterThan(5.4 * deviation);
});

test('within the cells of which it is made wide noise is normal too', () => {
  const finer = 320;
  const sigma = 2 ** 40;
  const draws = new Float64Array(3_000_000);
  roundedGaussianSampler(sigma, random(19)).addTo(draws);
  // Ten to a cell.
  const coarse = Int32Array.from(draws, (draw) => Math.round((draw / sigma) * finer));
  const law = discreteGaussianLaw(finer);
  expect(failedChecks(coarse, law)).toEqual([]);
  const past = draws.reduce((sum, draw) => sum + (((Math.abs(draw) / sigma) * 32) % 1), 0) / draws.length;
  // A density falling as exp(-x E|y| / 32) within a cell has its mean at 1/2 - E|y| / (12 x 32).
  const wanted = 0.5 - Math.sqrt(2 / Math.PI) / (12 * 32);
  const deviation = Math.sqrt(1 / 12 / draws.length);
  expect(Math.abs(past - wanted)).toBeLessThan(5.4 * deviation);
  expect(Math.abs(past - 0.5)).toBeGreaterThan(5.4 * deviation);
});
