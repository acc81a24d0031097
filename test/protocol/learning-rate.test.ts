import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { learningRateOf, scheduleFactor } from '../../protocol/learning-rate.ts';
import type { LearningRateSchedule } from '../../schemas/training.ts';

const TYPES = ['cosine', 'linear'] as const;
const schedules = fc.record({
  type: fc.constantFrom(...TYPES),
  warmup: fc.double({ min: 0, max: 0.9, noNaN: true }),
  floor: fc.double({ min: 0, max: 1, noNaN: true }),
});

describe('scheduleFactor', () => {
  test.each<[LearningRateSchedule, [progress: number, factor: number][]]>([
    [
      { type: 'linear', warmup: 0, floor: 0 },
      [
        [0, 1],
        [0.25, 0.75],
        [0.5, 0.5],
        [1, 0],
      ],
    ],
    [
      { type: 'linear', warmup: 0.2, floor: 0.1 },
      [
        [0, 0],
        [0.1, 0.5],
        [0.2, 1],
        [0.6, 0.55],
        [1, 0.1],
      ],
    ],
    [
      { type: 'cosine', warmup: 0, floor: 0 },
      [
        [0, 1],
        [1 / 3, 0.75],
        [0.5, 0.5],
        [2 / 3, 0.25],
        [1, 0],
      ],
    ],
    [
      { type: 'cosine', warmup: 0.5, floor: 0.2 },
      [
        [0, 0],
        [0.25, 0.5],
        [0.5, 1],
        [0.75, 0.6],
        [1, 0.2],
      ],
    ],
  ])('%j at known points', (schedule, points) => {
    for (const [progress, factor] of points)
      expect(scheduleFactor(schedule, progress)).toBeCloseTo(factor, 12);
  });

  test('rises to 1, then falls to the floor and never below, without a jump', () => {
    fc.assert(
      fc.property(schedules, (schedule) => {
        const { warmup, floor } = schedule;
        const factors = Array.from({ length: 1001 }, (_, at) => scheduleFactor(schedule, at / 1000));
        // The steepest slopes: 1 / warmup, and pi / 2 over what is left of the job.
        const slope = Math.max(1 / Math.max(warmup, 1e-3), Math.PI / 2 / (1 - warmup));
        const wrong = factors.filter((factor, at) => {
          const last = factors[at - 1] ?? factor;
          const isMonotonous =
            at / 1000 < warmup ? factor >= last : (at - 1) / 1000 < warmup || factor <= last + 1e-12;
          const isWithin = factor <= 1 + 1e-12 && (at / 1000 < warmup || factor >= floor - 1e-12);
          return !(isMonotonous && isWithin && Math.abs(factor - last) <= slope / 1000 + 1e-9);
        });
        expect(wrong).toEqual([]);
        expect(scheduleFactor(schedule, warmup)).toBeCloseTo(1, 12);
      }),
      { numRuns: 30 },
    );
  });
});

describe('learningRateOf', () => {
  test('without a schedule, the rate of the round', () => {
    const training = { learningRate: 0.4, learningRateDecay: 0.5 };
    const rates = [1, 2, 3].map((round) => learningRateOf(training, { round, rounds: 3, step: 7, steps: 9 }));
    expect(rates).toEqual([0.4, 0.2, 0.1]);
  });

  test('a schedule goes on over the rounds, step by step', () => {
    const schedule = { type: 'linear', warmup: 0, floor: 0 } as const;
    const training = { learningRate: 2, learningRateDecay: 1, schedule };
    const rates = [1, 2].flatMap((round) =>
      [0, 1, 2, 3].map((step) => learningRateOf(training, { round, rounds: 2, step, steps: 4 })),
    );
    expect(rates).toEqual([2, 1.75, 1.5, 1.25, 1, 0.75, 0.5, 0.25]);
  });

  test('participants with few steps and with many are as far at the end of each round', () => {
    fc.assert(
      fc.property(schedules, fc.integer({ min: 1, max: 50 }), (schedule, rounds) => {
        const training = { learningRate: 1, learningRateDecay: 1, schedule };
        for (const round of [1, Math.ceil(rounds / 2), rounds]) {
          const begin = (steps: number) => learningRateOf(training, { round, rounds, step: 0, steps });
          expect(begin(1)).toBe(begin(1000));
        }
      }),
    );
  });

  test('the decay of a round multiplies the schedule', () => {
    const schedule = { type: 'cosine', warmup: 0.1, floor: 0.1 } as const;
    const position = { round: 3, rounds: 10, step: 2, steps: 5 };
    const scheduled = learningRateOf({ learningRate: 1, learningRateDecay: 1, schedule }, position);
    expect(scheduled).toBe(scheduleFactor(schedule, 0.24));
    const both = learningRateOf({ learningRate: 0.5, learningRateDecay: 0.9, schedule }, position);
    expect(both).toBeCloseTo(0.5 * 0.81 * scheduled, 12);
  });
});
