// covers: sim/privacy-utility/cohort-calibration.ts, sim/privacy-utility/participant-training.ts
import { describe, expect, test } from 'vitest';
import { MEDIAN, splitNoise } from '../../../protocol/dp/adaptive-clip.ts';
import { rdpEpsilon } from '../../../protocol/dp/rdp-accountant.ts';
import { RandomNumbers, seededRandom } from '../../../protocol/random.ts';
import { calibrateCohort, sensitivityOfCohort } from '../../../sim/privacy-utility/cohort-calibration.ts';
import { type SumPlan, sumCohort } from '../../../sim/privacy-utility/cohort-sum.ts';
import { type ParticipantTraining, trainCohorts } from '../../../sim/privacy-utility/participant-training.ts';
import { normalized } from '../../../sim/privacy-utility/unit-images.ts';

const DIMENSION = 3000;
const COUNT = 10;
const seeded = (byte: number) => seededRandom(new Uint8Array(32).fill(byte));
const sensitivity = sensitivityOfCohort(DIMENSION);

/** Half of them are longer than 1. */
function deltas(): Float32Array[] {
  const numbers = new RandomNumbers(seeded(1));
  return Array.from({ length: COUNT }, (_, i) => {
    const length = i % 2 === 0 ? 0.5 : 3;
    return Float32Array.from({ length: DIMENSION }, () => (length * numbers.normal()) / Math.sqrt(DIMENSION));
  });
}

/** What clipping to 1 makes of their sum. */
function clippedSum(updates: readonly Float32Array[]): Float64Array {
  const sum = new Float64Array(DIMENSION);
  for (const update of updates) {
    const norm = Math.hypot(...update);
    update.forEach((value, i) => {
      sum[i] = (sum[i] as number) + value * Math.min(1, 1 / norm);
    });
  }
  return sum;
}

function squares(a: Float64Array, b: Float64Array): number {
  return a.reduce((sum, value, i) => sum + (value - (b[i] as number)) ** 2, 0);
}

describe('the sum of a cohort', () => {
  const updates = deltas();
  const exact = clippedSum(updates);
  /** Variance of the noise of a coordinate, over that of a sum on which all count. */
  const noiseOf = async (plan: Partial<SumPlan>) => {
    const sigma = 2 * sensitivity;
    const all = { dimension: DIMENSION, sigma, random: seeded(2), ...plan };
    const { sum } = await sumCohort(updates, 1, COUNT, all);
    const grid = 1 / (20 * Math.sqrt(DIMENSION));
    return squares(sum, exact) / DIMENSION / (grid * sigma) ** 2;
  };

  test('is that of the clipped updates, up to rounding', async () => {
    const { sum, fraction } = await sumCohort(updates, 1, COUNT, {
      dimension: DIMENSION,
      sigma: 0,
      random: seeded(3),
    });
    expect(fraction).toBeUndefined();
    // Rounding moves a coordinate by half a step for each update at most on average.
    expect(Math.sqrt(squares(sum, exact))).toBeLessThan(0.1);
    expect(Math.hypot(...exact)).toBeGreaterThan(1);
  });

  test('has the noise that is asked for, whoever adds it, and a quarter more where a fifth may be missing', async () => {
    const shares = (share: number, law: 'discreteGaussian' | 'skellam' = 'discreteGaussian') => ({
      counted: { share, law },
    });
    // Five standard errors of a variance over 3000 draws are 13 %.
    for (const [plan, wanted] of [
      [{}, 1],
      [shares(1), 1],
      [shares(0.8), 1.25],
      [shares(1, 'skellam'), 1],
    ] as const)
      expect(Math.abs((await noiseOf(plan)) / wanted - 1)).toBeLessThan(0.13);
  });

  test('tells the fraction of those that were not clipped, under the same noise', async () => {
    const bit = splitNoise(0.5, sensitivity, 0.5);
    const plan = { dimension: DIMENSION, bit, random: seeded(4) };
    expect((await sumCohort(updates, 1, COUNT, { ...plan, sigma: 0 })).fraction).toBe(0.5);
    expect((await sumCohort(updates, 10, COUNT, { ...plan, sigma: 0 })).fraction).toBe(1);
    const { fraction } = await sumCohort(updates, 1, COUNT, { ...plan, sigma: 0.5 * bit.norm });
    expect(fraction).not.toBe(0.5);
    expect(Math.abs((fraction ?? 0) - 0.5)).toBeLessThan(5 * (bit.bitSigma / COUNT));
  });

  test('of nobody is noise where the coordinator adds it, and nothing where nobody does', async () => {
    const plan = { dimension: 5, sigma: 1000, random: seeded(5) };
    expect((await sumCohort([], 1, COUNT, plan)).sum.some((value) => value !== 0)).toBe(true);
    const counted = { share: 1, law: 'discreteGaussian' } as const;
    expect([...(await sumCohort([], 1, COUNT, { ...plan, counted })).sum]).toEqual([0, 0, 0, 0, 0]);
  });
});

describe('calibration', () => {
  const training = { rate: 0.2, rounds: 5, dimension: 500, delta: 1e-5 };
  const shares = { type: 'distributed', law: 'discreteGaussian', parties: 50 } as const;

  test('keeps the epsilon that is asked for, and tells that against readers of rosters', () => {
    const { event, epsilonModel, epsilonServer } = calibrateCohort(training, shares, 2);
    expect(rdpEpsilon(event, 'replace-special', 1e-5)).toBe(epsilonModel);
    expect(epsilonModel).toBeLessThanOrEqual(2);
    expect(epsilonModel).toBeGreaterThan(1.99);
    // Against those who know the cohort nothing is amplified.
    expect(epsilonServer).toBeGreaterThan(2 * epsilonModel);
  });

  test('without sampling both epsilons are one', () => {
    for (const source of [shares, { type: 'central' } as const]) {
      const noise = calibrateCohort({ ...training, rate: 1 }, source, 2);
      expect(noise.epsilonServer).toBe(noise.epsilonModel);
    }
  });

  test('refuses what no noise keeps', () => {
    // The tables of noise alone cost more than this delta.
    expect(() => calibrateCohort({ ...training, delta: 1e-15 }, shares, 2)).toThrow(
      expect.objectContaining({ code: 'budgetUnreachable' }),
    );
    expect(calibrateCohort({ ...training, delta: 1e-13 }, shares, 2).epsilonModel).toBeLessThanOrEqual(2);
  });
});

describe('training', () => {
  // Ten classes, each bright in a place of its own.
  const numbers = new RandomNumbers(seeded(6));
  const labels = Int32Array.from({ length: 400 }, (_, i) => i % 10);
  const pixels = Float32Array.from({ length: 400 * 10 }, (_, at) =>
    labels[Math.floor(at / 10)] === at % 10 ? 1 : 0.4 * numbers.unit(),
  );
  const data = normalized(pixels, labels, 400);
  const training: ParticipantTraining = {
    ...{ participants: 40, rate: 0.5, rounds: 12, local: { steps: 2, learningRate: 2 }, clip: 1 },
    ...{ serverLearningRate: 0.5, momentum: 0.9, averaged: 0.3, multiplier: 0, seed: 'a' },
  };

  test('learns, a little noise does little, much noise much; one seed, one result', async () => {
    const { accuracy, clipNorms } = await trainCohorts(training, data, data);
    expect(accuracy).toBeGreaterThan(0.95);
    expect(clipNorms).toEqual(Array(12).fill(1));
    const noisy = (multiplier: number, counted?: ParticipantTraining['counted']) =>
      trainCohorts({ ...training, multiplier, ...(counted && { counted }) }, data, data);
    const shares = { share: 1, law: 'discreteGaussian' } as const;
    expect((await noisy(0.5, shares)).accuracy).toBeGreaterThan(0.9);
    expect((await noisy(200)).accuracy).toBeLessThan(0.5);
    expect(await noisy(3)).toEqual(await noisy(3));
  });

  test('finds C by clip bits', async () => {
    const clip = { initial: 100, ...MEDIAN, bitSigma: 2 };
    const { clipNorms } = await trainCohorts({ ...training, clip, multiplier: 0.5 }, data, data);
    // Nothing is clipped at first: C falls by about exp(-0.1) a round.
    expect(clipNorms[0]).toBe(100);
    expect(clipNorms.at(-1)).toBeLessThan(100 * Math.exp(-0.5));
  });
});
