// covers: protocol/dp/cumulative-table.ts
import { describe, expect, test } from 'vitest';
import { nativeSeededRandom } from '../../../client/native-key-stream.ts';
import {
  discreteGaussianSampler,
  discreteGaussianTable,
  tableSlack,
} from '../../../protocol/dp/discrete-gaussian-sampler.ts';
import { rationalOf } from '../../../protocol/dp/fixed-point.ts';
import { type Check, discreteGaussianLaw, failedChecks, MUTANTS } from './noise-judgement.ts';
import { discreteGaussianWeights, distanceOf } from './precise-law.ts';

const random = (seed: number) => nativeSeededRandom(new Uint8Array(32).fill(seed));

function drawn(sigma: number, count: number, seed = 1): Int32Array {
  const values = new Int32Array(count);
  discreteGaussianSampler(sigma, random(seed)).addTo(values);
  return values;
}

describe.each([0.5, 1, 3.7, 16, 793.25, 4096])('sigma %d', (sigma) => {
  const draws = drawn(sigma, 200_000);
  const law = discreteGaussianLaw(sigma);

  test('draws follow the law', () => {
    expect(failedChecks(draws, law)).toEqual([]);
  });

  test('what is drawn wrongly does not', () => {
    // Of what is done to zero or a tail alone little is seen where zero, or anything beyond 3 sigma, is rare.
    const seen: Partial<Record<keyof typeof MUTANTS, Check>> = {
      'half of the noise': 'chi-square',
      ...(sigma > 1 && { 'no tail': 'tail' }),
      ...(sigma < 1000 && { 'zero counted with both signs': 'zero' }),
      ...(sigma < 100 && { 'zero from one side only': 'chi-square' }),
    };
    for (const [name, check] of Object.entries(seen))
      expect([name, failedChecks(MUTANTS[name as keyof typeof MUTANTS](draws, sigma), law)]).toEqual([
        name,
        expect.arrayContaining([check]),
      ]);
  });
});

test('the table is as near to the law as it says', () => {
  for (const sigma of [0.5, 1, 3.7, 16, 0.1 + 0.7]) {
    const distance = distanceOf(discreteGaussianTable(sigma), discreteGaussianWeights(rationalOf(sigma)));
    expect(distance).toBeLessThanOrEqual(tableSlack(sigma));
    // The bound is one on a tail that is there.
    expect(distance).toBeGreaterThan(tableSlack(sigma) / 10);
    expect(tableSlack(sigma)).toBeLessThan(2 ** -103);
  }
  // One bit of sigma is seen.
  const other = distanceOf(discreteGaussianTable(3.7), discreteGaussianWeights(rationalOf(3.7 + 2 ** -51)));
  expect(other).toBeGreaterThan(2 ** -60);
});

test('a sum of shares is discrete Gaussian', () => {
  const shares = 10;
  const values = new Int32Array(100_000);
  for (let share = 0; share < shares; share += 1)
    discreteGaussianSampler(12.5, random(20 + share)).addTo(values);
  expect(failedChecks(values, discreteGaussianLaw(12.5 * Math.sqrt(shares)))).toEqual([]);
  expect(failedChecks(values, discreteGaussianLaw(12.5 * Math.sqrt(shares - 1)))).toContain('variance');
});

test('noise out of range is refused by name', () => {
  for (const sigma of [0, -1, 0.4999, Number.NaN])
    expect(() => tableSlack(sigma)).toThrow(
      expect.objectContaining({ code: 'noiseTooSmall', detail: { sigma, least: 0.5 } }),
    );
  for (const sigma of [4096.001, Infinity])
    expect(() => discreteGaussianSampler(sigma, random(1))).toThrow(
      expect.objectContaining({ code: 'noiseTableTooLarge', detail: { sigma, most: 4096 } }),
    );
  expect(tableSlack(0.5)).toBeLessThan(2 ** -103);
});
