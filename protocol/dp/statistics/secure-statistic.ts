/**
 * A statistic over the tables of several owners, of which nobody sees more than the sum: each owner makes a vector of integers
 * of its own table, adds its share of the noise, and secure aggregation adds the vectors up. What is told is made of the sum.
 *
 *   count      [ rows ]
 *   sum        [ steps ]
 *   mean       [ twice the steps from the middle of the bounds, rows times the steps between the bounds ]
 *   histogram  [ persons by bucket ]
 *   quantile   [ rows below the nodes of a binary tree over the grid, level by level, without the root ]
 *
 * Adjacency: the rows of one person more or less, at as many owners as the plan says.
 */
import type { StatisticAnswer, StatisticQuestion } from '../../../schemas/statistic-question.ts';
import type { RandomSource } from '../../random.ts';
import { discreteGaussianSampler } from '../discrete-gaussian-sampler.ts';
import { type Buckets, edgeBuckets, namedBuckets } from './buckets.ts';
import { boundedKeys, boundedRows } from './contribution-bound.ts';
import type { DiscreteGaussianPlan } from './discrete-gaussian-plan.ts';
import { checkMost, checkSensitivity, refused } from './limits.ts';
import type { StatisticTable } from './plan-statistic.ts';
import { type Change, type Owners, planSharedNoise } from './shared-noise.ts';
import { boundedSteps } from './sum.ts';
import { gridOf, type ValueGrid, valueOfSteps } from './value-grid.ts';

/** How a table becomes a vector, and a sum of vectors an answer. */
interface Encoding extends Change {
  /** Adds the bounded contributions to zeros. */
  fill(vector: Float64Array, table: StatisticTable, random: RandomSource): void;
  /** @param deviation of the noise of each coordinate */
  open(sum: Int32Array, deviation: number): StatisticAnswer;
}

export interface SecureStatisticPlan extends DiscreteGaussianPlan, Encoding {
  readonly owners: Owners;
  /** Coordinates of one owner are clamped to it before noise is added, so that no sum leaves 32 bits. */
  readonly limit: number;
}

/** Levels of the tree of a quantile. */
const LEVELS_MAX = 14;
/** Deviations of noise for which there is room. */
const ROOM = 16;

/**
 * @param delta   of the noise, which is discrete Gaussian for every statistic
 * @throws `statisticRefused` also for names that nobody listed; `noiseTableTooLarge`
 */
export function planSecureStatistic(
  question: StatisticQuestion,
  delta: number,
  owners: Owners,
): SecureStatisticPlan {
  const encoding = encodingOf(question);
  const noise = planSharedNoise(question.epsilon, delta, encoding, owners);
  const limit = Math.floor((2 ** 31 - 1) / owners.most - ROOM * noise.sigma);
  if (!(limit >= encoding.norm)) throw refused('owners', 'too many for sums of 32 bits: take a coarser grid');
  return { ...encoding, ...noise, owners, limit };
}

/**
 * What one owner adds to the sum; its noise is in it.
 * @returns [dimension], a coordinate of the ring each
 */
export function localContribution(
  plan: SecureStatisticPlan,
  table: StatisticTable,
  random: RandomSource,
): Int32Array<ArrayBuffer> {
  const exact = new Float64Array(plan.dimension);
  plan.fill(exact, table, random);
  const vector = Int32Array.from(exact, (x) => Math.min(plan.limit, Math.max(-plan.limit, x)));
  exact.fill(0);
  discreteGaussianSampler(plan.sigma, random).addTo(vector);
  return vector;
}

/**
 * @param sum    [dimension] of the contributions of all survivors, signed
 * @param owners how many they are, which is public
 */
export function openStatistics(plan: SecureStatisticPlan, sum: Int32Array, owners: number): StatisticAnswer {
  if (sum.length !== plan.dimension) throw new RangeError(`${sum.length} of ${plan.dimension} coordinates`);
  return plan.open(sum, plan.sigma * Math.sqrt(owners));
}

function encodingOf(question: StatisticQuestion): Encoding {
  switch (question.statistic) {
    case 'count':
      return countEncoding(question.maxRows);
    case 'sum':
      return sumEncoding(gridOf(question), question.maxRows);
    case 'mean':
      return meanEncoding(gridOf(question), question.maxRows);
    case 'quantile':
      return quantileEncoding(gridOf(question), question.quantile, question.maxRows);
    case 'histogram':
      return bucketEncoding(edgeBuckets(question.edges), question.maxBuckets, ({ values }) => values);
    case 'categories':
      return bucketEncoding(namedBuckets(question.names), question.maxBuckets, ({ keys }) => keys);
    case 'keys':
      throw refused('categories', 'owners must know them beforehand to add up');
    default:
      question satisfies never;
      throw new Error('unreachable');
  }
}

function countEncoding(maxRows: number): Encoding {
  checkMost('rows', maxRows);
  return {
    norm: maxRows,
    dimension: 1,
    fill(vector, { persons, values }, random) {
      vector[0] = boundedRows(persons, (row) => !Number.isNaN(values[row]), maxRows, random).length;
    },
    open: ([value = 0], deviation) => ({ value, deviation }),
  };
}

function sumEncoding(grid: ValueGrid, maxRows: number): Encoding {
  checkMost('rows', maxRows);
  const norm = maxRows * Math.max(Math.abs(grid.low), Math.abs(grid.high));
  checkSensitivity(norm);
  return {
    norm,
    dimension: 1,
    fill(vector, table, random) {
      vector[0] = boundedSteps(table, grid, maxRows, random).reduce((all, steps) => all + steps, 0);
    },
    open: ([sum = 0], deviation) => ({
      value: valueOfSteps(sum, grid),
      deviation: valueOfSteps(deviation, grid),
    }),
  };
}

/** Rows are weighted with the width, so that one noise fits both coordinates. */
function meanEncoding(grid: ValueGrid, maxRows: number): Encoding {
  checkMost('rows', maxRows);
  const width = grid.high - grid.low;
  const twiceMiddle = grid.low + grid.high;
  checkSensitivity(maxRows * width);
  return {
    norm: maxRows * width * Math.SQRT2,
    dimension: 2,
    fill(vector, table, random) {
      const steps = boundedSteps(table, grid, maxRows, random);
      vector[0] = steps.reduce((all, one) => all + (2 * one - twiceMiddle), 0);
      vector[1] = width * steps.length;
    },
    open([distances = 0, rows = 0], deviation) {
      const counted = Math.max(width, rows) / width;
      const distance = Math.min(width, Math.max(-width, distances / counted));
      return {
        value: valueOfSteps((twiceMiddle + distance) / 2, grid),
        count: Math.round(rows / width),
        deviation: valueOfSteps((deviation / counted / 2) * Math.hypot(1, distance / width), grid),
      };
    },
  };
}

function bucketEncoding<Value>(
  { names, bucketOf }: Buckets<Value>,
  maxBuckets: number,
  cellsOf: (table: StatisticTable) => { readonly [row: number]: Value },
): Encoding {
  checkMost('buckets', maxBuckets);
  const changed = Math.min(maxBuckets, names.length);
  return {
    norm: Math.sqrt(changed),
    dimension: names.length,
    fill(vector, table, random) {
      const cells = cellsOf(table);
      for (const at of boundedKeys(table.persons, (row) => bucketOf(cells[row] as Value), changed, random))
        vector[at] = (vector[at] as number) + 1;
    },
    open: (sum, deviation) => ({
      buckets: names.map((name, at) => ({ name, count: sum[at] as number })),
      deviation,
    }),
  };
}

/** Level l = 1..L has 2^l nodes, from 2^l - 2 on. A row is below one node of each level. */
function quantileEncoding(grid: ValueGrid, quantile: number, maxRows: number): Encoding {
  checkMost('rows', maxRows);
  if (!(quantile >= 0 && quantile <= 1)) throw refused('quantile', 'must lie between 0 and 1');
  const levels = Math.max(1, Math.ceil(Math.log2(grid.high - grid.low + 1)));
  if (levels > LEVELS_MAX)
    throw refused(
      'grid',
      `must have at most ${2 ** LEVELS_MAX} points between the bounds: take a coarser one`,
    );
  return {
    norm: maxRows * Math.sqrt(levels),
    dimension: 2 ** (levels + 1) - 2,
    fill(vector, table, random) {
      for (const steps of boundedSteps(table, grid, maxRows, random))
        for (let level = 1; level <= levels; level += 1) {
          const node = 2 ** level - 2 + ((steps - grid.low) >> (levels - level));
          vector[node] = (vector[node] as number) + 1;
        }
    },
    open(sum) {
      let [node, left] = [0, quantile * Math.max(0, (sum[0] as number) + (sum[1] as number))];
      for (let level = 1; level <= levels; level += 1) {
        const below = sum[2 ** level - 2 + 2 * node] as number;
        const goesUp = left > below;
        if (goesUp) left -= below;
        node = 2 * node + (goesUp ? 1 : 0);
      }
      return { value: valueOfSteps(Math.min(grid.high, grid.low + node), grid) };
    },
  };
}
