/**
 * A quantile by the exponential mechanism over all points of a grid (Smith 2011): the candidates between two values have one
 * score, so that only as many ranges as values are looked at, however fine the grid.
 *
 * The score of x for the quantile a/d is by how many ranks the data would have to change for x to be one:
 *   floor( max{ 0, d below(x) - a n, d above(x) - (d-a) n } / max{a, d-a} ),
 * below and above the numbers of values that are smaller and larger. A row more or less changes each of the three by at most
 * max{a, d-a}, so that a person with k rows changes the score by at most k. Adjacency: the rows of one person more or less.
 */
import type { Mechanism } from '../../../schemas/dp-event.ts';
import type { RandomSource } from '../../random.ts';
import {
  type CandidateRange,
  type ChoiceBase,
  choiceBase,
  chooseCandidate,
} from '../exponential-mechanism.ts';
import { checkEpsilon, checkMost, refused } from './limits.ts';
import type { PersonColumn } from './person-column.ts';
import { boundedSteps } from './sum.ts';
import { type ValueGrid, valueOfSteps } from './value-grid.ts';

export interface QuantilePlan {
  readonly event: Extract<Mechanism, { type: 'exponential' }>;
  readonly base: ChoiceBase;
  /** In thousandths. */
  readonly quantile: number;
  readonly grid: ValueGrid;
  readonly maxRows: number;
}

const PARTS = 1000;

/**
 * @param quantile in [0, 1], in thousandths: 0.5 is the median
 * @param maxRows  of a person
 * @throws `statisticRefused`
 */
export function planQuantile(
  epsilon: number,
  grid: ValueGrid,
  quantile: number,
  maxRows: number,
): QuantilePlan {
  checkEpsilon(epsilon);
  checkMost('rows', maxRows);
  const parts = Math.round(quantile * PARTS);
  if (!(quantile >= 0 && quantile <= 1 && Math.abs(quantile * PARTS - parts) < 1e-9))
    throw refused('quantile', 'must lie between 0 and 1, with at most three digits');
  const base = choiceBase(epsilon, maxRows, grid.high - grid.low + 1);
  return { event: { type: 'exponential', epsilon: base.epsilon }, base, quantile: parts, grid, maxRows };
}

/** A point of the grid, in units of the values. */
export function answerQuantile(plan: QuantilePlan, column: PersonColumn, random: RandomSource): number {
  const steps = boundedSteps(column, plan.grid, plan.maxRows, random);
  const ranges = scoredRanges(steps, plan.grid, plan.quantile);
  const { range, offset } = chooseCandidate(ranges, plan.base, random);
  return valueOfSteps((ranges[range] as GridRange).from + Number(offset), plan.grid);
}

interface GridRange extends CandidateRange {
  /** The first candidate, in steps. */
  readonly from: number;
}

/**
 * All candidates: each value, and what lies between two of them or beyond.
 * @param steps    in [low, high], in any order
 * @param quantile in thousandths
 */
export function scoredRanges(
  steps: readonly number[],
  { low, high }: Pick<ValueGrid, 'low' | 'high'>,
  quantile: number,
): GridRange[] {
  const sorted = Float64Array.from(steps).sort();
  const count = sorted.length;
  const unit = Math.max(quantile, PARTS - quantile);
  const scoreOf = (below: number, above: number) =>
    Math.floor(
      Math.max(0, PARTS * below - quantile * count, PARTS * above - (PARTS - quantile) * count) / unit,
    );
  const ranges: GridRange[] = [];
  const add = (from: number, to: number, below: number, above: number) => {
    if (to >= from) ranges.push({ from, size: BigInt(to - from + 1), score: scoreOf(below, above) });
  };
  let from = low;
  for (let at = 0; at < count; ) {
    const value = sorted[at] as number;
    let next = at + 1;
    while (next < count && sorted[next] === value) next += 1;
    add(from, value - 1, at, count - at);
    add(value, value, at, count - next);
    from = value + 1;
    at = next;
  }
  add(from, high, count, 0);
  return ranges;
}
