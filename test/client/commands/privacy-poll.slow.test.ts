// covers: client/author-statistic.ts, client/statistic-counter.ts, client/commands/privacy-answer.ts
/** `hanse privacy poll`: owners over HTTP, each with a table and a budget of its own, and the sum of what they count. */
import { writeFile } from 'node:fs/promises';
import { join as path } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { JobStatus } from '../../../schemas/job.ts';
import { hanse, type Outcome } from '../../fixtures/command-line.ts';
import { type RunningCoordinator, runCoordinator } from '../../fixtures/running-coordinator.ts';

const OWNERS = 4;
const PERSONS = 400;
let running: RunningCoordinator;
let nodes: { readonly outcome: Promise<Outcome>; stop(): void }[];
const at = (name: string) => path(running.folder, name);
const as = () => ['--identity', running.operatorFile, '--json'];

/** Ages 20 to 79, two rows a person; the target is a name. */
function table(owner: number): string {
  const rows = Array.from({ length: 2 * PERSONS }, (_, row) => {
    const person = row % PERSONS;
    return `p${person},${20 + ((person + 7 * owner) % 60)},${person % 4 === 0 ? 'high' : 'low'}`;
  });
  return `patient,age,risk\n${rows.join('\n')}\n`;
}

/** Starts a node; resolves once it waits for work. */
async function started(identity: string, words: readonly string[]) {
  let stop = () => {};
  let ready = () => {};
  const isReady = new Promise<void>((resolve) => {
    ready = resolve;
  });
  const outcome = hanse(['join', '--provider', 'cpu', '--identity', at(identity), '--json', ...words], {
    onOutput: (written, end) => {
      stop = end;
      if (written.includes('ready; waiting for work')) ready();
    },
  });
  await Promise.race([isReady, outcome]);
  return { outcome, stop: () => stop() };
}

const columns = [
  '--features',
  'age',
  '--target',
  'risk',
  '--classes',
  'low,high',
  '--person-column',
  'patient',
];
const poll = (words: string) => hanse(['privacy', 'poll', ...words.split(' '), ...as()]);

beforeAll(async () => {
  running = await runCoordinator();
  nodes = [];
  for (let owner = 0; owner < OWNERS; owner += 1) {
    await writeFile(at(`table-${owner}.csv`), table(owner));
    const budget = ['--privacy-budget', '4,1e-3', '--privacy-unit', 'person'];
    const data = ['--data', `csv:${at(`table-${owner}.csv`)}`, ...columns, ...budget];
    nodes.push(await started(`owner-${owner}.json`, [await running.invite(), ...data]));
  }
});

afterAll(async () => {
  for (const node of nodes) node.stop();
  await Promise.all(nodes.map(({ outcome }) => outcome));
  await running.close();
});

const ALL = `--owners ${OWNERS} --minimum ${OWNERS} --delta 1e-4`;

test('a mean of all owners is told, within its noise, and each has paid for it out of its own ledger', async () => {
  const told = await poll(`--column age --statistic mean --bounds 0,100 --grid 1 --epsilon 1 ${ALL}`);
  expect(told).toMatchObject({
    exitCode: 0,
    json: {
      ...{ statistic: 'mean', column: 'age', owners: OWNERS, epsilon: 1, delta: 1e-4, unit: 'person' },
      neighbouring: 'replace-special',
      bounded: expect.arrayContaining(['values are clamped to 0..100 and rounded to multiples of 1']),
    },
  });
  const { value, count, deviation, jobId } = told.json as Record<string, number> & { jobId: string };
  const ages = Array.from({ length: OWNERS * PERSONS }, (_, at) => {
    const [owner, person] = [Math.floor(at / PERSONS), at % PERSONS];
    return 20 + ((person + 7 * owner) % 60);
  });
  const mean = ages.reduce((sum, age) => sum + age, 0) / ages.length;
  expect(deviation).toBeGreaterThan(0);
  // One row of each person counts. Twelve deviations of the noise are never seen.
  expect(Math.abs((count as number) - ages.length)).toBeLessThan(0.1 * ages.length);
  expect(Math.abs((value as number) - mean)).toBeLessThan(5);

  const { json } = await hanse(['job', 'show', jobId, ...as()]);
  const job = json as JobStatus;
  expect(job).toMatchObject({
    phase: 'finished',
    manifest: { kind: 'statistic', aggregation: 'secure', privacy: { epsilonServer: expect.closeTo(1, 2) } },
    rounds: [{ updates: OWNERS, secure: { survivors: OWNERS } }],
  });
  const words = (await hanse(['job', 'show', jobId, ...as().slice(0, 2)])).out;
  expect(words).toContain('question     mean of column age, summed over its owners');
  const ledger = await hanse(['privacy', 'ledger', '--identity', at('owner-0.json'), '--json']);
  const spent = JSON.stringify(ledger.json);
  expect(spent).toContain(jobId);
  expect(ledger.json).toMatchObject({ dataSets: [{ unit: 'person' }] });
  const again = await hanse(['privacy', 'answer', jobId, ...as()]);
  expect(again).toMatchObject({ exitCode: 0, json: told.json });
  const read = (await hanse(['privacy', 'answer', jobId, ...as().slice(0, 2)])).out;
  expect(read).toContain('rounded to multiples of 1');
  expect(read).toContain('epsilon 1, delta 0.0001, to each person at an owner');
  expect(await hanse(['privacy', 'ledger', '--identity', at('owner-0.json'), '--json'])).toEqual(ledger);
  await expect(hanse(['round', 'verify', jobId, '1', ...as()])).resolves.toMatchObject({ exitCode: 0 });
  await expect(hanse(['model', 'export', jobId, '-o', at('no.onnx'), ...as()])).resolves.toMatchObject({
    exitCode: 2,
    json: { problem: { code: 'usage' } },
  });
});

test('a question without a grid has one that there is noise for', async () => {
  const told = await poll(
    `--column age --statistic mean --bounds 0,100 --epsilon 0.5 --owners 4 --delta 1e-4`,
  );
  expect(told).toMatchObject({ exitCode: 0, json: { asked: { step: expect.any(Number) } } });
  const { bounded } = told.json as { bounded: string[] };
  expect(bounded.join()).not.toContain('undefined');
});

test('classes are counted by name', async () => {
  const told = await poll(
    `--column risk --statistic histogram --categories low,high,none --epsilon 1 ${ALL}`,
  );
  const { buckets, deviation } = told.json as {
    buckets: { name: string; count: number }[];
    deviation: number;
  };
  expect(buckets.map(({ name }) => name)).toEqual(['low', 'high', 'none']);
  for (const [i, truth] of [0.75 * OWNERS * PERSONS, 0.25 * OWNERS * PERSONS, 0].entries())
    expect(Math.abs((buckets[i]?.count ?? Number.NaN) - truth)).toBeLessThan(12 * deviation);
});

/** What the second owner has drawn. */
async function drawn() {
  const { json } = await hanse(['privacy', 'ledger', '--identity', at('owner-1.json'), '--json']);
  const [set] = (json as { dataSets: { epsilon: { spent: number }; uses: { draws: number }[] }[] }).dataSets;
  // What was reserved for a job of which nothing was drawn costs nothing.
  return [set?.epsilon.spent, set?.uses.map(({ draws }) => draws).filter((draws) => draws > 0)];
}

async function rejected(words: string, code: string) {
  // Whoever declines does so for good: the job waits for others, and says why.
  const { err } = await hanse(['privacy', 'poll', ...words.split(' '), ...as()], {
    onOutput: (written, stop) => {
      if (written.includes(`with ${code}`)) stop();
    },
  });
  expect(err).toMatch(new RegExp(`waiting for .*with ${code}`));
}

test('what no owner has, or may spend, is asked of nobody: nothing is drawn', async () => {
  const before = await drawn();
  expect(before).toEqual([expect.any(Number), [1, 1, 1]]);
  await rejected(`--column weight --statistic count --epsilon 1 ${ALL}`, 'columnUnknown');
  await rejected(`--column risk --statistic count --epsilon 1 ${ALL}`, 'columnOfNames');
  await rejected(`--column age --statistic count --epsilon 9 ${ALL}`, 'budgetExceeded');
  await rejected(
    `--column age --statistic count --epsilon 0.1 --unit example ${ALL}`,
    'neighbouringMismatch',
  );
  expect(await drawn()).toEqual(before);
});

test('where one of the owners that are needed does not have it, none of the others draws', async () => {
  const before = await drawn();
  await writeFile(at('other.csv'), 'size,kind\n1,a\n2,b\n');
  const data = [
    '--data',
    `csv:${at('other.csv')}`,
    '--features',
    'size',
    '--target',
    'kind',
    '--classes',
    'a,b',
  ];
  const other = await started('other.json', [await running.invite(), ...data, '--privacy-budget', '4,1e-3']);
  nodes.push(other);
  const all = OWNERS + 1;
  const asked = `--column age --statistic count --epsilon 1 --delta 1e-4 --owners ${all} --minimum ${all}`;
  await rejected(asked, 'columnUnknown');
  expect(await drawn()).toEqual(before);
});

test.each([
  ['usage', `--column age --statistic mean --epsilon 1 ${ALL}`],
  ['usage', `--column age --statistic histogram --epsilon 1 ${ALL}`],
  ['usage', '--column age --statistic count --epsilon 1 --delta 1e-4 --owners 3 --minimum 4'],
  ['usage', '--column age --statistic count --epsilon 1 --delta 1e-4 --owners 2'],
  ['usage', `--column age --statistic count --epsilon 0 ${ALL}`],
  ['statisticRefused', `--column age --statistic sum --bounds 5,1 --epsilon 1 ${ALL}`],
])('%s: %s', async (code, words) => {
  const { exitCode, json } = await poll(words);
  expect(exitCode).not.toBe(0);
  expect(json).toMatchObject({ problem: { code } });
});
