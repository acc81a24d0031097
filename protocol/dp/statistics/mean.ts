/**
 * A mean of clamped values as two numbers under discrete Laplace noise, each with half of epsilon: the sum of distances from
 * the middle of the bounds, and the count. What is made of the two costs nothing (Li, Lyu, Su, Yang 2016, section 2.5.3).
 * Adjacency: the rows of one person more or less.
 */
import type { DpEvent } from '../../../schemas/dp-event.ts';
import type { RandomSource } from '../../random.ts';
import { type LaplacePlan, planLaplace, releaseInteger } from './laplace-release.ts';
import { checkEpsilon, checkMost } from './limits.ts';
import type { PersonColumn } from './person-column.ts';
import { boundedSteps, exactSum } from './sum.ts';
import { type ValueGrid, valueOfSteps } from './value-grid.ts';

export interface MeanPlan {
  readonly event: DpEvent;
  /** Of twice the distances from the middle, which are integers. */
  readonly distances: LaplacePlan;
  readonly count: LaplacePlan;
  readonly grid: ValueGrid;
  readonly maxRows: number;
}

export interface MeanAnswer {
  /** Within the bounds. */
  readonly mean: number;
  /** The noised count; may be below 0. */
  readonly count: number;
  /** Of the mean's noise, about: what the noise of both adds where the count is as it was told. Post-processing too. */
  readonly deviation: number;
}

/**
 * @param maxRows of a person
 * @throws `statisticRefused`
 */
export function planMean(epsilon: number, grid: ValueGrid, maxRows: number): MeanPlan {
  checkEpsilon(epsilon);
  checkMost('rows', maxRows);
  const distances = planLaplace(epsilon / 2, maxRows * (grid.high - grid.low));
  const count = planLaplace(epsilon / 2, maxRows);
  return {
    event: { type: 'compose', events: [distances.event, count.event] },
    distances,
    count,
    grid,
    maxRows,
  };
}

/** Where the noised count is below 1 it is taken for 1. */
export function answerMean(plan: MeanPlan, column: PersonColumn, random: RandomSource): MeanAnswer {
  const { grid, maxRows } = plan;
  const twiceMiddle = grid.low + grid.high;
  const steps = boundedSteps(column, grid, maxRows, random);
  const sum = exactSum(steps.map((one) => 2 * one - twiceMiddle));
  const noisedSum = releaseInteger(sum, plan.distances, random);
  const count = releaseInteger(steps.length, plan.count, random);
  return { ...meanOf(noisedSum, count, plan), count };
}

/** From noised numbers alone. */
function meanOf(
  twiceDistances: number,
  count: number,
  { grid, distances, count: ofCount }: MeanPlan,
): Omit<MeanAnswer, 'count'> {
  const counted = Math.max(1, count);
  const distance = twiceDistances / counted / 2;
  const mean = Math.min(grid.high, Math.max(grid.low, (grid.low + grid.high) / 2 + distance));
  const most = (grid.high - grid.low) / 2;
  const deviation =
    Math.hypot(distances.deviation / 2, Math.min(most, Math.abs(distance)) * ofCount.deviation) / counted;
  return { mean: valueOfSteps(mean, grid), deviation: valueOfSteps(deviation, grid) };
}
