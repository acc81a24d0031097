import { describe, expect, test } from 'vitest';
import { noiseSampler } from '../../../protocol/dp/noise-sampler.ts';
import { seededRandom } from '../../../protocol/random.ts';
import { openIntegers } from '../../../protocol/ring/sum.ts';
import { updateIntegers } from '../../../protocol/ring/update.ts';
import type { Codec } from '../../../schemas/codec.ts';

const LENGTH = 40_000;
const SIGMA = 30;
const seeded = (byte: number) => seededRandom(new Uint8Array(32).fill(byte));
const noise = { type: 'discreteGaussian', sigma: SIGMA } as const;
const codec: Codec = { version: 1, clipNorm: 100, width: 24, grid: 0.5, weightMax: 1, counters: 0, noise };
const lot = { rate: 0.1, bound: 1000 };

function variance(values: ArrayLike<number>): number {
  const all = Array.from(values);
  const mean = all.reduce((a, b) => a + b, 0) / all.length;
  return all.reduce((sum, value) => sum + (value - mean) ** 2, 0) / all.length;
}

/** Five standard errors of a variance over so many draws. */
function expectVariance(values: ArrayLike<number>, wanted: number): void {
  expect(Math.abs(variance(values) / wanted - 1)).toBeLessThan(5 * Math.sqrt(2 / values.length));
}

describe('noise', () => {
  test.each(['discreteGaussian', 'skellam'] as const)('%s has the variance that is named', (type) => {
    const values = new Int32Array(LENGTH);
    noiseSampler({ type, sigma: SIGMA }, seeded(1)).addTo(values);
    expectVariance(values, SIGMA ** 2);
  });

  test('laws differ: the tails of Skellam are heavier', () => {
    const fourth = (type: 'discreteGaussian' | 'skellam') => {
      const values = new Int32Array(LENGTH);
      noiseSampler({ type, sigma: 0.7 }, seeded(2)).addTo(values);
      return (
        values.reduce((sum, value) => sum + value ** 4, 0) /
        values.reduce((sum, value) => sum + value ** 2, 0)
      );
    };
    // Skellam of variance 0.49: 3 * 0.49 + 1; the discrete Gaussian has 1.45.
    expect(fourth('skellam')).toBeGreaterThan(2.2);
    expect(fourth('discreteGaussian')).toBeLessThan(1.7);
  });

  test('is added to the integers of an update, and to those of a lot, and its variances add up in a sum', () => {
    const delta = new Float32Array(LENGTH).fill(0.25);
    const one = (byte: number) => updateIntegers({ delta, weight: 1, counters: [] }, codec, seeded(byte));
    // Half a step, rounded at random, has a variance of a quarter.
    expectVariance(one(2).coordinates, SIGMA ** 2 + 0.25);
    const [a, b, c] = [one(3), one(4), one(5)];
    const coordinates = a.coordinates.map(
      (value, i) => value + (b.coordinates[i] ?? 0) + (c.coordinates[i] ?? 0),
    );
    const secondBlock = Uint32Array.of(3);
    const { mean } = openIntegers({ coordinates, secondBlock }, codec, 3);
    expectVariance(
      mean.map((value) => (value * 3) / 0.5),
      3 * (SIGMA ** 2 + 0.25),
    );
    const sum = new Float64Array(LENGTH).fill(0.25);
    const ofLot = updateIntegers({ delta: sum, weight: 1, counters: [] }, { ...codec, lot }, seeded(6));
    expectVariance(ofLot.coordinates, SIGMA ** 2 + 0.25);
  });

  test('is fresh for every update, and absent where the codec has none', () => {
    const { noise: _, ...quiet } = codec;
    const delta = new Float32Array(100);
    const source = seeded(7);
    const draw = (of: Codec) => [
      ...updateIntegers({ delta, weight: 1, counters: [] }, of, source).coordinates,
    ];
    expect(draw(quiet)).toEqual(new Array(100).fill(0));
    expect(draw(codec)).not.toEqual(draw(codec));
  });
});

test('a sum over lots is divided by what all of them are expected to hold', () => {
  const integers = { coordinates: Int32Array.of(600, -60), secondBlock: Uint32Array.of(3000) };
  const { mean } = openIntegers(integers, { ...codec, weightMax: 2000, lot }, 2);
  expect(mean[0]).toBeCloseTo((600 * 0.5) / (0.1 * 3000), 12);
  expect(mean[1]).toBeCloseTo((-60 * 0.5) / (0.1 * 3000), 12);
  const { mean: weighted } = openIntegers(integers, { ...codec, weightMax: 2000 }, 2);
  expect(weighted[0]).toBeCloseTo((600 * 0.5 * 2000) / 3000, 12);
});
