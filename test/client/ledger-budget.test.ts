/** Questions out of a real ledger, kept in memory: they are paid for, add up, and are refused once the budget is used up. */
import { expect, test } from 'vitest';
import { askStatistic } from '../../client/ask-statistic.ts';
import { ledgerBudget, type QuestionLedger } from '../../client/ledger-budget.ts';
import { Ledger } from '../../protocol/dp/ledger.ts';
import { HanseError } from '../../protocol/problem.ts';
import type { LedgerRecord } from '../../schemas/privacy-ledger.ts';
import type { StatisticQuestion } from '../../schemas/statistic-question.ts';
import { random } from '../protocol/dp/statistics/tables.ts';

const AT = '2026-01-01T00:00:00.000Z';

function budgetOf(epsilon: number) {
  const ledger = new Ledger();
  const types: string[] = [];
  const add = async (record: object) => {
    ledger.add({ ...record, at: AT } as LedgerRecord);
    types.push((record as LedgerRecord).type);
  };
  const unit = 'person' as const;
  void add({
    type: 'budget',
    dataSet: 'visits',
    unit,
    neighbouring: 'add-or-remove-one',
    microEpsilon: epsilon * 1e6,
    delta: 1e-5,
    units: 1000,
    setBy: 'the test',
  });
  const port: QuestionLedger = {
    reserve: (record) => add({ type: 'reserve', ...record }),
    draw: (record) => add({ type: 'draw', ...record }),
    settle: (record) => add({ type: 'settle', ...record }),
  };
  return { types, budget: ledgerBudget(port, random(1)) };
}

const table = async () => ({ persons: ['a', 'b'], values: Float64Array.of(1, 2), keys: ['x', 'y'] });
const ask = (budget: ReturnType<typeof budgetOf>['budget'], question: StatisticQuestion, read = table) =>
  askStatistic({
    ...{ question, budget, table: read, random: random(2) },
    ...{ dataSet: 'visits', name: 'a question', purpose: 'a test' },
  });
const count: StatisticQuestion = { statistic: 'count', epsilon: 0.5, maxRows: 1 };

test('a question is reserved, drawn and settled', async () => {
  const { types, budget } = budgetOf(2);
  await ask(budget, count);
  expect(types).toEqual(['budget', 'reserve', 'draw', 'settle']);
});

test('questions are answered until the budget is used up, and then nothing is read any more', async () => {
  const { budget } = budgetOf(2);
  let answers = 0;
  let reads = 0;
  const read = () => {
    reads += 1;
    return table();
  };
  const refused = await (async () => {
    for (; answers < 100; answers += 1) await ask(budget, count, read);
    return undefined;
  })().catch((error: unknown) => error);
  expect(refused).toMatchObject({ code: 'budgetExceeded' });
  expect(answers).toBeGreaterThan(1);
  expect(answers).toBeLessThan(8);
  expect(reads).toBe(answers);
});

test('what was not drawn is free again', async () => {
  const { budget } = budgetOf(0.6);
  const missing = async () => {
    throw new HanseError('dataFileMissing', { file: 'visits.csv' });
  };
  for (let turn = 0; turn < 5; turn += 1)
    await expect(ask(budget, count, missing)).rejects.toMatchObject({ code: 'dataFileMissing' });
  await expect(ask(budget, count)).resolves.toMatchObject({ value: expect.any(Number) });
  await expect(ask(budget, count)).rejects.toMatchObject({ code: 'budgetExceeded' });
});

test.each<[string, StatisticQuestion]>([
  ['a histogram', { statistic: 'histogram', epsilon: 0.5, delta: 1e-7, maxBuckets: 2, edges: [0, 1, 2, 3] }],
  ['names that nobody listed', { statistic: 'keys', epsilon: 0.5, delta: 1e-7, maxBuckets: 1 }],
  ['a quantile', { statistic: 'quantile', epsilon: 0.5, maxRows: 1, lower: 0, upper: 10, quantile: 0.5 }],
  ['a mean', { statistic: 'mean', epsilon: 0.5, maxRows: 1, lower: 0, upper: 10 }],
])('%s has a price that a ledger knows', async (_, question) => {
  await expect(ask(budgetOf(2).budget, question)).resolves.toBeDefined();
});
