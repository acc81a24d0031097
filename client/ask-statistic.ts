/**
 * A question about one column of a table, answered under differential privacy: planned, paid for, read, noised, told. The
 * order is the promise.
 */
import { planStatistic, type StatisticTable } from '../protocol/dp/statistics/plan-statistic.ts';
import type { RandomSource } from '../protocol/random.ts';
import type { DpEvent, Neighbouring } from '../schemas/dp-event.ts';
import type { StatisticAnswer, StatisticQuestion } from '../schemas/statistic-question.ts';
import type { PrivacyBudget } from './privacy-budget.ts';

/**
 * The relations under which an answer has its price: a person more or less, or a person whose rows have no value any more. The
 * vectors and scores of both differ alike, as rows without a value count for nothing.
 */
export type StatisticNeighbouring = Extract<Neighbouring, 'add-or-remove-one' | 'replace-special'>;

export interface AskedStatistic {
  readonly question: StatisticQuestion;
  /** What is read, once it is paid for. */
  readonly table: () => Promise<StatisticTable>;
  readonly budget: PrivacyBudget;
  readonly random: RandomSource;
  /** That of the budget; a price under one relation is none under another. */
  readonly neighbouring?: StatisticNeighbouring;
  readonly dataSet: string;
  /** In words. */
  readonly name: string;
  readonly purpose: string;
}

export interface ToldStatistic extends StatisticAnswer {
  readonly unit: 'person';
  readonly neighbouring: Neighbouring;
  readonly event: DpEvent;
  /** Between values, where they are rounded; follows from the question. */
  readonly step?: number;
}

/** @throws `statisticRefused`, `noiseTableTooLarge`; what the budget throws; what reading throws, with nothing spent */
export async function askStatistic(asked: AskedStatistic): Promise<ToldStatistic> {
  const { question, budget, random, dataSet, name, purpose, neighbouring = 'add-or-remove-one' } = asked;
  const promise = { unit: 'person', neighbouring } as const;
  const { event, grid, answer } = planStatistic(question);
  const use = await budget.reserve({ ...promise, event, dataSet, name, purpose });
  try {
    const table = await asked.table();
    await use.draw();
    return { ...answer(table, random), ...promise, event, ...(grid && { step: grid.step }) };
  } finally {
    await use.settle();
  }
}
