import { describe, expect, test } from 'vitest';
import { nativeSeededRandom } from '../../../client/native-key-stream.ts';
import { discreteGaussianTable } from '../../../protocol/dp/discrete-gaussian-sampler.ts';
import { rationalOf } from '../../../protocol/dp/fixed-point.ts';
import { skellamSampler, skellamSlack, skellamTable } from '../../../protocol/dp/skellam-sampler.ts';
import { discreteGaussianLaw, failedChecks, type HalfLaw, halfLaw, MUTANTS } from './noise-judgement.ts';
import { besselWeights, distanceOf, thresholdsOf } from './precise-law.ts';

const random = (seed: number) => nativeSeededRandom(new Uint8Array(32).fill(seed));

/** From the far end, in doubles: I_(k-1) = (2k/v) I_k + I_(k+1). */
function skellamLaw(variance: number): HalfLaw {
  const length = Math.ceil(14 * Math.sqrt(variance)) + 40;
  const weights = new Array<number>(length + 1).fill(0);
  weights[length] = 1e-200;
  for (let k = length; k > 0; k -= 1) {
    weights[k - 1] = ((2 * k) / variance) * (weights[k] as number) + (weights[k + 1] ?? 0);
    if ((weights[k - 1] as number) < 1e200) continue;
    for (let at = k - 1; at < length; at += 1) weights[at] = (weights[at] as number) * 1e-300;
  }
  return halfLaw(weights);
}

describe.each([0.25, 1, 13.69, 256, 793.25 ** 2, 4096 ** 2])('variance %d', (variance) => {
  const sigma = Math.sqrt(variance);
  const draws = new Int32Array(200_000);
  skellamSampler(variance, random(2)).addTo(draws);
  const law = skellamLaw(variance);

  test('draws follow the law, and their mutants do not', () => {
    expect(failedChecks(draws, law)).toEqual([]);
    expect(failedChecks(MUTANTS['half of the noise'](draws, sigma), law)).toContain('chi-square');
    if (sigma > 1) expect(failedChecks(MUTANTS['no tail'](draws, sigma), law)).toContain('tail');
    if (sigma < 1000)
      expect(failedChecks(MUTANTS['zero counted with both signs'](draws, sigma), law)).toContain('zero');
  });

  test('the table has the variance, the fourth moment and the recurrence of the law', () => {
    const thresholds = thresholdsOf(skellamTable(variance));
    const p = thresholds.map((threshold, k) => (threshold - (thresholds[k - 1] ?? 0n)) * (k === 0 ? 2n : 1n));
    const moment = (power: bigint) =>
      Number(p.reduce((sum, mass, k) => sum + mass * BigInt(k) ** power, 0n)) / 2 ** 127;
    expect(moment(2n) / variance).toBeCloseTo(1, 14);
    expect(moment(4n) / (3 * variance ** 2 + variance)).toBeCloseTo(1, 14);
    // P(k-1) - P(k+1) = (2k/v) P(k): with 2P for P each has an error of 1 or less, that of zero of 2.
    const { numerator, denominator } = rationalOf(variance);
    const off = p.slice(1, -1).map((mass, at) => {
      const left = ((p[at] as bigint) - (p[at + 2] as bigint)) * numerator;
      return Number(left - 2n * BigInt(at + 1) * denominator * mass) / Number(numerator);
    });
    expect(
      off.reduce((most, one, at) => Math.max(most, Math.abs(one) / (4 + (2 * (at + 1)) / variance)), 0),
    ).toBeLessThan(1);
  });
});

test('the table is as near to the law as it says', () => {
  for (const variance of [0.25, 1, 13.69, 64]) {
    const distance = distanceOf(skellamTable(variance), besselWeights(rationalOf(variance)));
    expect(distance).toBeLessThanOrEqual(skellamSlack(variance));
    expect(distance).toBeGreaterThan(skellamSlack(variance) / 10);
    expect(skellamSlack(variance)).toBeLessThan(2 ** -103);
  }
  // Neither one bit of the variance nor another law is taken for it.
  expect(distanceOf(skellamTable(13.69), besselWeights(rationalOf(13.69 + 2 ** -48)))).toBeGreaterThan(
    2 ** -60,
  );
  expect(distanceOf(discreteGaussianTable(3.7), besselWeights(rationalOf(13.69)))).toBeGreaterThan(2 ** -15);
});

test('every variance has a table', () => {
  for (let power = -2; power <= 14; power += 0.5) expect(skellamSlack(2 ** power)).toBeLessThan(2 ** -103);
});

test('a sum of shares is Skellam, also of few and small ones', () => {
  const shares = 7;
  const values = new Int32Array(100_000);
  for (let share = 0; share < shares; share += 1) skellamSampler(0.5, random(30 + share)).addTo(values);
  expect(failedChecks(values, skellamLaw(3.5))).toEqual([]);
  expect(failedChecks(values, discreteGaussianLaw(Math.sqrt(3.5)))).toContain('chi-square');
});

test('noise out of range is refused by name', () => {
  for (const variance of [0, -1, 0.2, Number.NaN])
    expect(() => skellamSlack(variance)).toThrow(expect.objectContaining({ code: 'noiseTooSmall' }));
  for (const variance of [2 ** 24 + 1, Infinity])
    expect(() => skellamSampler(variance, random(1))).toThrow(
      expect.objectContaining({ code: 'noiseTableTooLarge' }),
    );
});
