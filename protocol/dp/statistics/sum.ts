/**
 * The sum of values that are clamped to bounds and rounded to a grid, at most so many rows of each person, under discrete
 * Laplace noise. Adjacency: the rows of one person more or less, which change the sum by at most
 * rows x max(|lower|, |upper|).
 */
import type { RandomSource } from '../../random.ts';
import { boundedRows } from './contribution-bound.ts';
import { type LaplacePlan, planLaplace, releaseInteger } from './laplace-release.ts';
import { checkEpsilon, checkMost } from './limits.ts';
import type { PersonColumn } from './person-column.ts';
import { stepsOf, type ValueGrid, valueOfSteps } from './value-grid.ts';

export interface SumPlan extends LaplacePlan {
  readonly grid: ValueGrid;
  readonly maxRows: number;
}

/**
 * @param maxRows of a person
 * @throws `statisticRefused`
 */
export function planSum(epsilon: number, grid: ValueGrid, maxRows: number): SumPlan {
  checkEpsilon(epsilon);
  checkMost('rows', maxRows);
  const largest = Math.max(Math.abs(grid.low), Math.abs(grid.high));
  return { ...planLaplace(epsilon, maxRows * largest), grid, maxRows };
}

/** In units of the values, unbiased but for what clamping and bounding take away. */
export function answerSum(plan: SumPlan, column: PersonColumn, random: RandomSource): number {
  const sum = exactSum(boundedSteps(column, plan.grid, plan.maxRows, random));
  return valueOfSteps(releaseInteger(sum, plan, random), plan.grid);
}

/** Parts of the sum stay below 2^53, and no part of any size is rounded. */
const PART = 2 ** 20;

/** @param steps each of at most 2^31 */
export function exactSum(steps: readonly number[]): bigint {
  let sum = 0n;
  for (let from = 0; from < steps.length; from += PART)
    sum += BigInt(steps.slice(from, from + PART).reduce((all, one) => all + one, 0));
  return sum;
}

/** The values that count, in steps of the grid. */
export function boundedSteps(
  { persons, values }: PersonColumn,
  grid: ValueGrid,
  maxRows: number,
  random: RandomSource,
): number[] {
  const stepsAt = (row: number) => stepsOf(values[row] ?? Number.NaN, grid);
  const rows = boundedRows(persons, (row) => stepsAt(row) !== undefined, maxRows, random);
  return rows.map((row) => stepsAt(row) as number);
}
