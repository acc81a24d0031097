/**
 * The learning rate of one optimiser step. SPEC.md section 6.1.
 *
 *   lr(r, k) = learningRate * learningRateDecay^(r-1) * s((r - 1 + k / K) / R)
 *
 * for step k = 0..K-1 of round r = 1..R, with s the schedule of the job. Loshchilov and Hutter, ICLR 2017, section 3,
 * for the cosine; Goyal et al., arXiv 1706.02677, section 2.2, for the warm-up.
 */
import type { LearningRateSchedule, LocalTraining } from '../schemas/training.ts';

export interface StepPosition {
  /** 1..rounds */
  readonly round: number;
  readonly rounds: number;
  /** 0..steps-1 */
  readonly step: number;
  /** Steps of this round. */
  readonly steps: number;
}

export function learningRateOf(
  training: Pick<LocalTraining, 'learningRate' | 'learningRateDecay' | 'schedule'>,
  { round, rounds, step, steps }: StepPosition,
): number {
  const { learningRate, learningRateDecay, schedule } = training;
  const ofRound = learningRate * learningRateDecay ** (round - 1);
  return schedule ? ofRound * scheduleFactor(schedule, (round - 1 + step / steps) / rounds) : ofRound;
}

/** @param progress share of the job that is done, in [0, 1) */
export function scheduleFactor(schedule: LearningRateSchedule, progress: number): number {
  const { warmup, floor } = schedule;
  if (progress < warmup) return progress / warmup;
  const left = 1 - (progress - warmup) / (1 - warmup);
  switch (schedule.type) {
    case 'cosine':
      return floor + ((1 - floor) * (1 - Math.cos(Math.PI * left))) / 2;
    case 'linear':
      return floor + (1 - floor) * left;
    default:
      schedule satisfies never;
      throw new Error('unreachable');
  }
}
