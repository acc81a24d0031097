// covers: client/commands/question-option.ts
/** `hanse privacy ask`: questions to a table in a file, paid for by a budget of the test. */
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, expect, test, vi } from 'vitest';
import { COMMANDS } from '../../../cli.ts';
import { privacyAskCommand } from '../../../client/commands/privacy-ask.ts';
import type { BudgetClaim } from '../../../client/privacy-budget.ts';
import { HanseError } from '../../../protocol/problem.ts';
import type { CommandDefinition } from '../../../schemas/command.ts';
import { hanse } from '../../fixtures/command-line.ts';
import { random } from '../../protocol/dp/statistics/tables.ts';

let folder: string;
let file: string;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'hanse-ask-'));
  file = join(folder, 'visits.csv');
  const rows = Array.from({ length: 600 }, (_, at) => {
    const age = at % 60 === 59 ? 'unknown' : 20 + (at % 60);
    return `p${at % 300},${age},${at % 3 === 0 ? 'red' : 'blue'}`;
  });
  await writeFile(file, `patient,age,colour\n${rows.join('\n')}\n`);
});
afterAll(() => rm(folder, { recursive: true }));
afterEach(() => {
  vi.restoreAllMocks();
});

interface Paid {
  readonly claims: BudgetClaim[];
  draws: number;
  closed: number;
}

/** Runs the command with a ledger that pays everything, or nothing. */
async function ask(words: string, isRich = true) {
  const paid: Paid = { claims: [], draws: 0, closed: 0 };
  const entry = COMMANDS['privacy ask'];
  if (!entry) throw new Error('no such command');
  const command = privacyAskCommand(
    async () => ({
      budget: {
        async reserve(claim) {
          if (!isRich) throw new HanseError('budgetUnreachable', { targetEpsilon: 0, delta: 0 });
          paid.claims.push(claim);
          return {
            draw: async () => {
              paid.draws += 1;
            },
            settle: async () => {},
          };
        },
      },
      close: async () => {
        paid.closed += 1;
      },
    }),
    random(5),
  );
  vi.spyOn(entry, 'load').mockResolvedValue(command as CommandDefinition<never>);
  const fixed = ['privacy', 'ask', '--data', file, '--person', 'patient', '--identity', '.hanse/a.json'];
  return { ...(await hanse([...fixed, ...words.split(' ')])), ...paid };
}

test.each([
  ['--column age --statistic count --epsilon 1', 300, 15],
  ['--column age --statistic count --epsilon 1 --max-rows 2', 590, 30],
  ['--column age --statistic mean --bounds 0,110 --epsilon 1', 49, 6],
  ['--column age --statistic sum --bounds 0,110 --epsilon 2 --max-rows 2', 28_910, 2000],
  ['--column age --statistic quantile --bounds 0,110 --grid 1 --epsilon 1', 49, 8],
  ['--column age --statistic quantile --quantile 0.9 --bounds -10,110 --grid 1 --epsilon 2', 73, 6],
])('%s', async (words, truth, within) => {
  const { exitCode, json, claims, draws } = await ask(`${words} --json`);
  expect(exitCode).toBe(0);
  expect(json).toMatchObject({
    value: expect.any(Number),
    unit: 'person',
    neighbouring: 'replace-special',
    event: claims[0]?.event,
  });
  expect(Math.abs((json as { value: number }).value - truth)).toBeLessThan(within);
  expect(claims).toMatchObject([{ dataSet: 'visits.csv', unit: 'person', neighbouring: 'replace-special' }]);
  expect(draws).toBe(1);
});

test('histograms of numbers, of names that are known, and of names that are not', async () => {
  const names = async (words: string) =>
    (
      (await ask(`${words} --statistic histogram --epsilon 2 --json`)).json as { buckets: { name: string }[] }
    ).buckets.map(({ name }) => name);
  expect(await names('--column age --buckets 0,40,110 --delta 1e-6')).toEqual(['[0, 40)', '[40, 110)']);
  expect(await names('--column colour --categories red,green')).toEqual(['red', 'green']);
  expect(await names('--column colour --delta 1e-6')).toEqual(['blue', 'red']);
});

test('people read the answer, the promise and what was bounded, and not how many rows that were', async () => {
  const { out } = await ask('--column age --statistic mean --bounds 0,110 --epsilon 0.5');
  expect(out).toMatch(/^mean of age: \d+(\.\d+)?, noise of deviation [\d.]+\n {2}of about \d+ rows\n/);
  expect(out).toContain(
    'promise: epsilon 0.5, delta 0, to each person, its contribution zeroed (replace-special)\n',
  );
  expect(out).toContain('bounded: at most 1 of the rows of a person count, chosen at random\n');
  expect(out).toContain('bounded: values are clamped to 0..110 and rounded to multiples of 0.1\n');
  expect(out).not.toMatch(/600|590|300/);
  const { out: table } = await ask('--column colour --statistic histogram --delta 1e-6 --epsilon 1');
  expect(table).toMatch(/ {2}blue +\d+\n {2}red +\d+\n {2}names with fewer than \d+ are not told\n/);
});

test('the relation is that of the budget', async () => {
  const { json, claims } = await ask(
    '--column age --statistic count --epsilon 1 --neighbouring add-or-remove-one --json',
  );
  expect(json).toMatchObject({ neighbouring: 'add-or-remove-one' });
  expect(claims).toMatchObject([{ neighbouring: 'add-or-remove-one' }]);
  const other = await ask('--column age --statistic count --epsilon 1 --neighbouring replace-one --json');
  expect(other).toMatchObject({ exitCode: 2, claims: [] });
});

test('without a budget nothing is read', async () => {
  const poor = await ask('--column nothing --statistic count --epsilon 1 --json', false);
  expect(poor).toMatchObject({ exitCode: 1, json: { problem: { code: 'budgetUnreachable' } }, draws: 0 });
  const rich = await ask('--column nothing --statistic count --epsilon 1 --json');
  expect(rich).toMatchObject({ exitCode: 1, json: { problem: { code: 'dataMalformed' } }, draws: 0 });
});

test('without a node nobody is answered', async () => {
  const words = `privacy ask --data ${file} --person patient --column age --statistic count --epsilon 1 --identity ${file}.none --json`;
  const { exitCode, json } = await hanse(words.split(' '));
  expect({ exitCode, json }).toMatchObject({
    exitCode: 1,
    json: { problem: { code: 'identityUnreadable' } },
  });
});

test('the node may run again, whether there was an answer or not', async () => {
  expect((await ask('--column age --statistic count --epsilon 1 --json')).closed).toBe(1);
  expect((await ask('--column age --statistic count --epsilon 1 --json', false)).closed).toBe(1);
});

test.each([
  ['usage', '--column age --statistic mean --epsilon 1'],
  ['usage', '--column age --statistic mean --bounds 3 --epsilon 1'],
  ['usage', '--column age --statistic mean --bounds a,b --epsilon 1'],
  ['usage', '--column age --statistic count --bounds 0,1 --epsilon 1'],
  ['usage', '--column age --statistic mean --bounds 0,1 --epsilon 1 --delta 1e-6'],
  ['usage', '--column age --statistic histogram --epsilon 1'],
  ['usage', '--column age --statistic histogram --buckets 0,1 --categories a --epsilon 1'],
  ['usage', '--column age --statistic median --epsilon 1'],
  ['statisticRefused', '--column age --statistic count --epsilon 0'],
  ['statisticRefused', '--column age --statistic count --epsilon 1 --max-rows 0'],
  ['statisticRefused', '--column age --statistic count --epsilon 1000'],
  ['statisticRefused', '--column age --statistic mean --bounds 110,0 --epsilon 1'],
  ['statisticRefused', '--column age --statistic mean --bounds 0,110 --grid 1e-9 --epsilon 1'],
  ['statisticRefused', '--column age --statistic quantile --quantile 2 --bounds 0,110 --epsilon 1'],
  ['statisticRefused', '--column age --statistic histogram --buckets 5,1 --epsilon 1'],
  ['statisticRefused', '--column age --statistic histogram --buckets 0,1 --delta 0.4 --epsilon 1'],
])('%s: %s', async (code, words) => {
  const { exitCode, json, claims } = await ask(`${words} --json`);
  expect(json).toMatchObject({ problem: { code } });
  expect(exitCode).toBe(code === 'usage' ? 2 : 1);
  expect(claims).toEqual([]);
});
