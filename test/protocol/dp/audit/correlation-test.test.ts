import { describe, expect, test } from 'vitest';
import { testCorrelation } from '../../../../protocol/dp/audit/correlation-test.ts';
import { discreteGaussianSampler } from '../../../../protocol/dp/discrete-gaussian-sampler.ts';
import { seededRandom } from '../../../../protocol/random.ts';

/** Updates of one participant: its stream goes on from round to round, or begins anew. */
function rounds(seed: number, { repeats = false, count = 6, length = 500, sigma = 20 } = {}): Int32Array[] {
  const source = () => seededRandom(new Uint8Array(32).fill(seed));
  const stream = source();
  return Array.from({ length: count }, () => {
    const noise = new Int32Array(length);
    discreteGaussianSampler(sigma, repeats ? source() : stream).addTo(noise);
    return noise;
  });
}

function plus(a: readonly Int32Array[], b: readonly Int32Array[]): Int32Array[] {
  return a.map((vector, at) => vector.map((x, i) => x + (b[at]?.[i] ?? 0)));
}

describe('noise of several rounds', () => {
  test('drawn anew it alarms nobody, of whatever size it is', () => {
    for (let seed = 0; seed < 20; seed += 1)
      expect(testCorrelation(rounds(seed, { sigma: 16 + 10 * seed }), 1e-5).verdict, `seed ${seed}`).toBe(
        'independent',
      );
  });

  test('of a stream that begins anew each round it is the same', () => {
    const found = testCorrelation(rounds(1, { repeats: true }), 1e-6);
    expect(found).toMatchObject({ verdict: 'repeated', common: 0, alike: 0 });
    expect(found.commonShare).toBeCloseTo(1, 6);
    expect(found.pair.cosine).toBeCloseTo(1, 12);
  });

  test('one of five that repeats itself is found in the sum', () => {
    let sums = rounds(1, { repeats: true });
    for (const seed of [2, 3, 4, 5]) sums = plus(sums, rounds(seed));
    const found = testCorrelation(sums, 1e-6);
    expect(found.verdict).toBe('repeated');
    expect(found.noticesShare).toBeLessThan(0.2);
    expect(Math.abs(found.commonShare - 0.2)).toBeLessThan(0.05);
  });

  test('two rounds alike among many, or opposite, are found by their pair', () => {
    for (const sign of [1, -1]) {
      const sums = rounds(1, { count: 20 });
      sums[17] = (sums[4] as Int32Array).map((x) => sign * x);
      const found = testCorrelation(sums, 1e-6);
      expect(found).toMatchObject({ verdict: 'repeated', pair: { first: 4, second: 17 } });
      expect(found.pair.cosine).toBeCloseTo(sign, 12);
    }
  });

  test('it alarms no more often than it says', () => {
    let alarms = 0;
    const stream = seededRandom(new Uint8Array(32));
    for (let run = 0; run < 200; run += 1) {
      const vectors = Array.from({ length: 4 }, () => {
        const noise = new Int32Array(40);
        discreteGaussianSampler(16, stream).addTo(noise);
        return noise;
      });
      if (testCorrelation(vectors, 0.2).verdict === 'repeated') alarms += 1;
    }
    // At most 40 are expected, with a standard deviation of 6; the two tests find different things.
    expect(alarms).toBeGreaterThan(15);
    expect(alarms).toBeLessThan(64);
  });

  test('no noise at all is not this test to tell', () => {
    const found = testCorrelation([new Int32Array(9), new Int32Array(9)], 1e-6);
    expect(found).toMatchObject({ verdict: 'independent', common: 1 });
    expect(found.alike).toBeCloseTo(1, 12);
  });

  test('one vector alone, too short ones and unlike ones are refused', () => {
    expect(() => testCorrelation([new Int32Array(9)], 1e-6)).toThrow(RangeError);
    expect(() => testCorrelation([new Int32Array(2), new Int32Array(2)], 1e-6)).toThrow(RangeError);
    expect(() => testCorrelation([new Int32Array(9), new Int32Array(8)], 1e-6)).toThrow(RangeError);
  });
});
