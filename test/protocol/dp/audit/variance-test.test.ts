import { describe, expect, test } from 'vitest';
import { testVariance } from '../../../../protocol/dp/audit/variance-test.ts';
import { discreteGaussianSampler } from '../../../../protocol/dp/discrete-gaussian-sampler.ts';
import { seededRandom } from '../../../../protocol/random.ts';

/** Sums over `parties` of noise of `sigma`, as many as there are rounds. */
function noise(sigma: number, seed: number, { rounds = 4, length = 2500, parties = 1 } = {}): Int32Array[] {
  const sampler = discreteGaussianSampler(sigma, seededRandom(new Uint8Array(32).fill(seed)));
  return Array.from({ length: rounds }, () => {
    const sum = new Int32Array(length);
    for (let party = 0; party < parties; party += 1) sampler.addTo(sum);
    return sum;
  });
}

describe('noise of opened sums', () => {
  test('as promised it alarms nobody', () => {
    for (let seed = 0; seed < 20; seed += 1) {
      const found = testVariance(noise(20, seed, { parties: 3 }), 3 * 20 ** 2, 1e-3);
      expect(found.verdict, `seed ${seed}`).toBe('asPromised');
      expect(found.ratio).toBeGreaterThan(found.noticesBelow);
      expect(found.ratio).toBeLessThan(found.noticesAbove);
    }
  });

  test('halved, or a tenth of it, is too little; the double is too much', () => {
    expect(testVariance(noise(20, 1), 40 ** 2, 1e-6).verdict).toBe('tooLittle');
    expect(testVariance(noise(20, 1), 200 ** 2, 1e-6).verdict).toBe('tooLittle');
    expect(testVariance(noise(20, 1), 10 ** 2, 1e-6).verdict).toBe('tooMuch');
    expect(testVariance([new Int32Array(100)], 1, 1e-6)).toMatchObject({ verdict: 'tooLittle', below: 0 });
  });

  test('one of ten that halves its noise is found, where it adds less than the test says to notice', () => {
    const others = noise(40, 2, { parties: 9, length: 10_000 });
    const one = noise(20, 3, { length: 10_000 });
    const sums = others.map((sum, round) => sum.map((x, i) => x + (one[round]?.[i] ?? 0)));
    const found = testVariance(sums, 10 * 40 ** 2, 1e-6);
    expect(found.noticesBelow).toBeGreaterThan(9.25 / 10);
    expect(found.verdict).toBe('tooLittle');
  });

  test('it alarms as often as it says', () => {
    let alarms = 0;
    const runs = 400;
    const sampler = discreteGaussianSampler(16, seededRandom(new Uint8Array(32)));
    for (let run = 0; run < runs; run += 1) {
      const sum = new Int32Array(60);
      sampler.addTo(sum);
      if (testVariance([sum], 16 ** 2, 0.2).verdict !== 'asPromised') alarms += 1;
    }
    // 80 are expected, with a standard deviation of 8.
    expect(alarms).toBeGreaterThan(48);
    expect(alarms).toBeLessThan(112);
  });

  test('what it says to notice it misses once in a hundred times', () => {
    const { noticesBelow } = testVariance([new Int32Array(400)], 1, 1e-3);
    const sigma = 20;
    let missed = 0;
    const sampler = discreteGaussianSampler(sigma, seededRandom(new Uint8Array(32)));
    for (let run = 0; run < 400; run += 1) {
      const sum = new Int32Array(400);
      sampler.addTo(sum);
      if (testVariance([sum], sigma ** 2 / noticesBelow, 1e-3).verdict !== 'tooLittle') missed += 1;
    }
    expect(missed).toBeGreaterThan(0);
    expect(missed).toBeLessThan(14);
  });

  test('heavier tails widen it', () => {
    const sums = noise(20, 1);
    const [gaussian, heavy] = [testVariance(sums, 400, 1e-6), testVariance(sums, 400, 1e-6, 1)];
    expect(heavy.noticesBelow).toBeLessThan(gaussian.noticesBelow);
  });

  test('nothing is not tested', () => {
    expect(() => testVariance([], 1, 1e-6)).toThrow(RangeError);
  });
});
