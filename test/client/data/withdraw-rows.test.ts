import { mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { readNodeConfig, sourceOf } from '../../../client/config/node-config.ts';
import { loadExamples } from '../../../client/data/data-source.ts';
import { finishWithdrawals, type Withdrawal, withdrawRows } from '../../../client/data/withdraw-rows.ts';
import { WithdrawalJournal } from '../../../client/data/withdrawal-journal.ts';
import { TERMS_YAML } from '../../fixtures/data-terms.ts';

const TABLE = 'patient,age,risk\nada,1,10\nbob,2,20\nada,3,30\ncid,4,40\n';
const SET = `name: visits, version: "1", ${TERMS_YAML}, source: "csv:visits.csv"`;
const COLUMNS = 'columns: { features: [age], target: risk, person: patient }';
const CONFIG = `# of the clinic\nidentity: me.json\ndata: [{ ${SET}, ${COLUMNS} }]\n`;

let folder: string;
let file: string;
let journal: WithdrawalJournal;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'hanse-withdraw-'));
  file = join(folder, 'node.yaml');
  journal = new WithdrawalJournal(join(folder, 'me.json'), { now: () => 0 });
  await writeFile(join(folder, 'visits.csv'), TABLE);
  await writeFile(file, CONFIG);
});
afterEach(() => rm(folder, { recursive: true, force: true }));

const ask = (asked: Partial<Withdrawal>) =>
  withdrawRows(file, { name: 'visits', reason: 'consent', inPlace: false, ...asked }, journal);
/** Version, and what is trained on now. */
async function now(): Promise<[string | undefined, ...number[]]> {
  const [set] = (await readNodeConfig(file)).data;
  if (!set) throw new Error('no data');
  return [set.version, ...(await loadExamples(sourceOf(set))).features];
}
const table = () => readFile(join(folder, 'visits.csv'), 'utf8');
const refusal = (code: string) => expect.objectContaining({ code });

test('a person leaves with all rows; the source and all else of the configuration stay as they are', async () => {
  const withdrawn = await ask({ persons: ['ada', 'eve'] });
  expect(withdrawn).toMatchObject({ oldVersion: '1', newVersion: '2', removed: 2, absent: 1 });
  expect(await now()).toEqual(['2', 2, 4]);
  expect(await table()).toBe(TABLE);
  expect(await readFile(file, 'utf8')).toBe(
    CONFIG.replace('version: "1"', 'rows: "node.yaml.visits.2.rows.json", version: "2"'),
  );
  expect(await journal.isReplaced('visits', '1')).toBe(true);
  expect((await stat(withdrawn.rows ?? '')).mode & 0o077).toBe(0);
});

test('one withdrawal follows upon another, and rows are numbered as in the source', async () => {
  await ask({ rows: [0] });
  const again = await ask({ rows: [0, 3, 3], reason: 'erasure', version: 'b' });
  expect(again).toMatchObject({ oldVersion: '2', newVersion: 'b', removed: 1, absent: 1 });
  expect(await now()).toEqual(['b', 2, 3]);
  expect(await journal.untold()).toMatchObject([{ removed: 1 }, { removed: 1, reason: 'erasure' }]);
});

test('nothing that tells which they were is in the journal, nor in what is told', async () => {
  await ask({ persons: ['bob'] });
  expect(await readFile(journal.path, 'utf8')).not.toContain('bob');
  expect(await journal.untold()).toEqual([
    { name: 'visits', oldVersion: '1', newVersion: '2', reason: 'consent', removed: 1 },
  ]);
});

describe('in place', () => {
  test('the source loses them too, and its list of rows means the same rows as before', async () => {
    await writeFile(join(folder, 'rows.json'), '[3,1,0]');
    await writeFile(file, CONFIG.replace('version: "1"', 'version: "1", rows: rows.json'));
    expect(await ask({ rows: [1, 2], inPlace: true })).toMatchObject({ removed: 1, absent: 1 });
    expect(await table()).toBe('patient,age,risk\nada,1,10\nada,3,30\ncid,4,40\n');
    expect(await now()).toEqual(['2', 4, 1]);
  });

  test('a data set of a whole file has no list afterwards', async () => {
    expect(await ask({ persons: ['ada'], inPlace: true })).not.toHaveProperty('rows');
    expect(await table()).toBe('patient,age,risk\nbob,2,20\ncid,4,40\n');
    expect(await now()).toEqual(['2', 2, 4]);
    expect((await readdir(folder)).sort()).toEqual(['me.json.withdrawals', 'node.yaml', 'visits.csv']);
  });

  test('only a CSV file can, which no other data set reads', async () => {
    await writeFile(file, CONFIG.replace('}]', `}, { ${SET.replace('visits', 'again')}, ${COLUMNS} }]`));
    await expect(ask({ rows: [0], inPlace: true })).rejects.toEqual(refusal('usage'));
    expect(await table()).toBe(TABLE);
    await expect(ask({ rows: [0] })).resolves.toMatchObject({ removed: 1 });
  });
});

test('a kill behind the journal is made good by whoever comes next', async () => {
  await ask({ rows: [0], inPlace: true });
  const [source, config] = [await table(), await readFile(file, 'utf8')];
  await writeFile(join(folder, 'visits.csv.2.new'), source);
  await writeFile(join(folder, 'visits.csv'), TABLE);
  await writeFile(file, CONFIG);
  for (let turn = 0; turn < 2; turn += 1) {
    await finishWithdrawals(file, journal);
    expect([await table(), await readFile(file, 'utf8')]).toEqual([source, config]);
  }
});

test('a source that has changed since is not read by a list of its old rows', async () => {
  await ask({ rows: [0] });
  await writeFile(join(folder, 'visits.csv'), TABLE.replace('bob,2,20\n', ''));
  await expect(now()).rejects.toEqual(refusal('dataMalformed'));
  await writeFile(join(folder, 'visits.csv'), TABLE);
  expect(await now()).toEqual(['2', 2, 3, 4]);
});

test.each<[string, Partial<Withdrawal>, string]>([
  ['a data set that is not there', { name: 'other', rows: [0] }, 'usage'],
  ['the version that is there', { rows: [0], version: '1' }, 'usage'],
  ['rows that are not there', { rows: [4, 5] }, 'rowsUnknown'],
  ['persons who are not there', { persons: ['eve'] }, 'rowsUnknown'],
  ['all that there is', { rows: [0, 1, 2, 3] }, 'usage'],
])('%s: nothing changes', async (_, asked, code) => {
  await expect(ask(asked)).rejects.toEqual(refusal(code));
  expect(await now()).toEqual(['1', 1, 2, 3, 4]);
  expect((await readdir(folder)).sort()).toEqual(['node.yaml', 'visits.csv']);
  await expect(ask({ rows: [0] })).resolves.toBeDefined();
});

test('persons are known where a column tells them apart, and a version that was given up does not come back', async () => {
  await writeFile(file, CONFIG.replace(', person: patient', ''));
  await expect(ask({ persons: ['ada'] })).rejects.toEqual(refusal('dataWithoutPersons'));
  await ask({ rows: [0] });
  await expect(ask({ rows: [1], version: '1' })).rejects.toEqual(refusal('usage'));
});
