/**
 * How many rows have a value, at most so many of each person, under discrete Laplace noise (Ghosh, Roughgarden, Sundararajan
 * 2009). Adjacency: the rows of one person more or less. With one row a person it is a count of persons.
 */
import type { RandomSource } from '../../random.ts';
import { boundedRows } from './contribution-bound.ts';
import { type LaplacePlan, planLaplace, releaseInteger } from './laplace-release.ts';
import { checkEpsilon, checkMost } from './limits.ts';
import type { PersonColumn } from './person-column.ts';

export interface CountPlan extends LaplacePlan {
  readonly maxRows: number;
}

/**
 * @param maxRows of a person
 * @throws `statisticRefused`
 */
export function planCount(epsilon: number, maxRows: number): CountPlan {
  checkEpsilon(epsilon);
  checkMost('rows', maxRows);
  return { ...planLaplace(epsilon, maxRows), maxRows };
}

/** Unbiased, so it may be below 0. */
export function answerCount(
  plan: CountPlan,
  { persons, values }: PersonColumn,
  random: RandomSource,
): number {
  const rows = boundedRows(persons, (row) => !Number.isNaN(values[row]), plan.maxRows, random);
  return releaseInteger(rows.length, plan, random);
}
