/**
 * From a question to its event, and on to its answer. What the event is follows from the question alone; so an accountant can
 * refuse it before a row is read.
 */
import type { DpEvent } from '../../../schemas/dp-event.ts';
import type { StatisticAnswer, StatisticQuestion } from '../../../schemas/statistic-question.ts';
import type { RandomSource } from '../../random.ts';
import { edgeBuckets, namedBuckets } from './buckets.ts';
import { answerCount, planCount } from './count.ts';
import { answerHistogram, type HistogramPlan, planHistogram } from './histogram.ts';
import { answerMean, planMean } from './mean.ts';
import type { KeyColumn, PersonColumn } from './person-column.ts';
import { answerQuantile, planQuantile } from './quantile.ts';
import { answerSum, planSum } from './sum.ts';
import { answerKeys, planKeys } from './unknown-keys.ts';
import { gridOf, type ValueGrid, valueOfSteps } from './value-grid.ts';

/** The cells of a column, as numbers and as names. */
export type StatisticTable = PersonColumn & KeyColumn;

export interface PlannedStatistic {
  /** Adjacency: the rows of one person more or less. */
  readonly event: DpEvent;
  /** Steps between the bounds, where values are rounded. */
  readonly grid?: ValueGrid;
  /** Draws noise. */
  answer(table: StatisticTable, random: RandomSource): StatisticAnswer;
}

/** @throws `statisticRefused`, `noiseTableTooLarge` for what cannot be asked */
export function planStatistic(question: StatisticQuestion): PlannedStatistic {
  const { epsilon } = question;
  switch (question.statistic) {
    case 'count': {
      const plan = planCount(epsilon, question.maxRows);
      const { event, deviation } = plan;
      return { event, answer: (table, random) => ({ value: answerCount(plan, table, random), deviation }) };
    }
    case 'sum': {
      const grid = gridOf(question);
      const plan = planSum(epsilon, grid, question.maxRows);
      const deviation = valueOfSteps(plan.deviation, grid);
      return {
        event: plan.event,
        grid,
        answer: (table, random) => ({ value: answerSum(plan, table, random), deviation }),
      };
    }
    case 'mean': {
      const grid = gridOf(question);
      const plan = planMean(epsilon, grid, question.maxRows);
      return {
        event: plan.event,
        grid,
        answer(table, random) {
          const { mean, count, deviation } = answerMean(plan, table, random);
          return { value: mean, count, deviation };
        },
      };
    }
    case 'quantile': {
      const grid = gridOf(question);
      const plan = planQuantile(epsilon, grid, question.quantile, question.maxRows);
      return {
        event: plan.event,
        grid,
        answer: (table, random) => ({ value: answerQuantile(plan, table, random) }),
      };
    }
    case 'histogram': {
      const { names, bucketOf } = edgeBuckets(question.edges);
      const plan = planHistogram(epsilon, question.delta, names.length, question.maxBuckets);
      return histogram(
        plan,
        names,
        ({ values }) =>
          (row) =>
            bucketOf(values[row] ?? Number.NaN),
      );
    }
    case 'categories': {
      const { names, bucketOf } = namedBuckets(question.names);
      const plan = planHistogram(epsilon, question.delta, names.length, question.maxBuckets);
      return histogram(
        plan,
        names,
        ({ keys }) =>
          (row) =>
            bucketOf(keys[row]),
      );
    }
    case 'keys': {
      const plan = planKeys(epsilon, question.delta, question.maxBuckets);
      return {
        event: plan.event,
        answer: (table, random) => ({
          buckets: answerKeys(plan, table, random).map(({ key, count }) => ({ name: key, count })),
          deviation: plan.noise.deviation,
          threshold: plan.threshold,
        }),
      };
    }
    default:
      question satisfies never;
      throw new Error('unreachable');
  }
}

function histogram(
  plan: HistogramPlan,
  names: readonly string[],
  bucketsOf: (table: StatisticTable) => (row: number) => number | undefined,
): PlannedStatistic {
  const { event, deviation } = plan;
  return {
    event,
    answer(table, random) {
      const counts = answerHistogram(plan, table.persons, bucketsOf(table), random);
      return { buckets: names.map((name, at) => ({ name, count: counts[at] as number })), deviation };
    },
  };
}
