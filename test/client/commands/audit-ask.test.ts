// covers: client/commands/asked-log-options.ts, client/commands/answer-report.ts, client/commands/audit-report.ts, client/audit/asked-log.ts
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { answerLines } from '../../../client/commands/answer-report.ts';
import { RowBook } from '../../../protocol/audit/answer.ts';
import { checkLogProof, parseLogProof } from '../../../protocol/audit/log-proof.ts';
import { hanse } from '../../fixtures/command-line.ts';
import { writeExport } from '../../fixtures/exported-log.ts';
import { loggedDataDir } from '../../fixtures/logged-data-dir.ts';
import { LOG_OF_PLANTED, nodeId, PlantedEntries } from '../../fixtures/planted-entries.ts';
import { noteKey } from '../../protocol/audit/notes.ts';

let root: string;
let folder: string;
let log: PlantedEntries;
let job: string;
let model: string;

beforeAll(async () => {
  root = mkdtempSync(join(tmpdir(), 'hanse-ask-'));
  folder = join(root, 'exported');
  log = new PlantedEntries();
  log.member('a', 'clinic-a');
  const first = log.job('first', 'a');
  const before = log.round(first, 1, ['a']);
  job = log.job('triage', 'a', { prov: { used: [`urn:hanse:model:${before}`, 'urn:hanse:dataset:visits'] } });
  model = log.round(job, 1, ['a', 'b']);
  const since = '2026-11-01T00:00:00.000Z';
  const denied = {
    actor: 'anonymous',
    since,
    count: 2,
    codes: { signatureMissing: 2 },
    policies: { quiet: 1 },
  };
  log.add('access.denied', denied);
  log.add('policy.changed', {
    ...{ version: 1, before: '0'.repeat(64), after: '1'.repeat(64), by: nodeId('a'), approvedBy: [] },
    diff: '- old\n+ new\n',
  });
  writeExport(folder, await log.files());
});
afterAll(() => {
  rmSync(root, { recursive: true });
});

interface Answered {
  readonly known: boolean;
  readonly log: { readonly size: number; readonly pinned: boolean };
  readonly tables: Record<string, { rows: { leaves: { leaves: number[] } }[] }>;
  readonly problem: { readonly code: string };
}

async function ask(...words: string[]) {
  const { exitCode, json } = await hanse(['audit', ...words, '--json']);
  return { exitCode, answer: json as Answered };
}

test.each([
  [['uses', 'visits'], 'uses'],
  [['denials', '--period', '2026-11'], 'policies'],
  [['organisation', 'clinic-a'], 'rounds'],
  [['policies', '--period', '2026-11-01..2026-11-30'], 'access'],
])('%j is answered from a folder, with the entries behind each row', async (words, table) => {
  const { exitCode, answer } = await ask(...words, folder);
  expect(exitCode).toBe(0);
  expect(answer).toMatchObject({ known: true, log: { size: log.entries.length, pinned: false } });
  const [row] = answer.tables[table]?.rows ?? [];
  expect(row?.leaves.leaves.length).toBeGreaterThan(0);
});

test('what a model has cost is told with the model that its job began with, also by the name of the job', async () => {
  const { answer } = await ask('cost', model, folder);
  const names = Object.entries(answer.tables).flatMap(([name, { rows }]) => (rows.length > 0 ? [name] : []));
  expect(names.map((name) => name.split(':')[0])).toEqual([
    'made',
    'cost',
    'shapedBy',
    'made',
    'cost',
    'shapedBy',
  ]);
  const { answer: byJob } = await ask('cost', job, folder);
  expect(byJob.tables).toEqual(answer.tables);
  const unknown = await ask('cost', 'job-0000000000000000', folder);
  expect(unknown).toMatchObject({ exitCode: 1, answer: { problem: { code: 'jobUnknown' } } });
});

test('what the log does not know is told so, and ends with 1', async () => {
  for (const words of [
    ['uses', 'nothing'],
    ['organisation', 'clinic-z'],
    ['cost', '0'.repeat(64)],
  ])
    expect(await ask(...words, folder)).toMatchObject({ exitCode: 1, answer: { known: false } });
  const { out } = await hanse(['audit', 'organisation', 'clinic-z', folder]);
  expect(out).toContain('the log tells nothing of it');
});

test('people read tables, what has several lines below its row, and whose word the key is', async () => {
  const { out } = await hanse(['audit', 'policies', folder]);
  expect(out).toContain(`${log.entries.length} entries, verified`);
  expect(out).toContain('the key of the log is its own word');
  expect(out).toMatch(/\n {6}- old\n {6}\+ new\n/);
  const pinned = await hanse(['audit', 'policies', folder, '--key', join(folder, 'log.vkey')]);
  expect(pinned.out).not.toContain('its own word');
  const { out: uses } = await hanse(['audit', 'uses', 'visits', folder]);
  expect(uses).toMatch(/job +name +purpose +by +used/);
});

test('of long tables people see both ends', () => {
  const book = new RowBook();
  for (let leaf = 0; leaf < 20; leaf += 1) book.add(leaf, { name: `n${leaf}` });
  const lines = [...answerLines([book.table('names', 'Names')])];
  expect(lines.map((line) => line.trim().split(' ')[0])).toEqual([
    ...['Names:', 'name', 'n0', 'n1', 'n2', 'n3', 'n4', 'n5', 'n6', 'n7'],
    ...['...', 'n12', 'n13', 'n14', 'n15', 'n16', 'n17', 'n18', 'n19'],
  ]);
});

test('a log of which anything was changed answers nothing', async () => {
  const changed = join(root, 'changed');
  writeExport(changed, await log.files());
  expect((await ask('denials', changed)).exitCode).toBe(0);
  const [bundle = ''] = readdirSync(join(changed, 'tile/entries'), {
    recursive: true,
    encoding: 'utf8',
  }).filter((name) => /\d$/.test(name) && !name.endsWith('.p'));
  const file = join(changed, 'tile/entries', bundle);
  const bytes = readFileSync(file);
  bytes.writeUInt8(bytes.readUInt8(50) ^ 1, 50);
  writeFileSync(file, bytes);
  const output = join(root, 'none.html');
  const problem = { code: 'logUnverified', particulars: { code: 'leafMismatch', leaf: 0 } };
  for (const words of [
    ['denials', changed],
    ['uses', 'visits', changed],
    ['report', changed, '-o', output],
  ])
    expect(await ask(...words)).toMatchObject({ exitCode: 1, answer: { problem } });
  expect(readdirSync(root)).not.toContain('none.html');
});

test('the entries behind an answer are written with proofs that hold', async () => {
  const proofs = join(root, 'proofs');
  const { answer } = await ask('denials', folder, '--proofs', proofs);
  const leaves = answer.tables.denials?.rows.flatMap((row) => row.leaves.leaves) ?? [];
  expect(leaves.length).toBe(1);
  expect(readdirSync(proofs).sort()).toEqual(
    leaves.flatMap((leaf) => [`${leaf}.json`, `${leaf}.tlog-proof`]),
  );
  const bytes = new Uint8Array(readFileSync(join(proofs, `${leaves[0]}.json`)));
  const proof = parseLogProof(readFileSync(join(proofs, `${leaves[0]}.tlog-proof`), 'utf8'));
  const { key } = await noteKey(LOG_OF_PLANTED);
  await expect(checkLogProof(bytes, proof, key)).resolves.toMatchObject({ size: log.entries.length });
});

test('a data directory is asked without its coordinator', async () => {
  const dataDir = await loggedDataDir(2);
  await dataDir.close();
  const { exitCode, answer } = await ask('organisation', 'clinic-a', '--data-dir', dataDir.path, '--salts');
  expect([exitCode, answer.log.size]).toEqual([answer.known ? 0 : 1, 2]);
  const report = await hanse([
    'audit',
    'report',
    '--data-dir',
    dataDir.path,
    '-o',
    join(root, 'dir.html'),
    '--json',
  ]);
  expect(report).toMatchObject({ exitCode: 0, json: { entries: 2, size: 2 } });
  rmSync(dataDir.path, { recursive: true });
});

test('a report is one page, the same bytes each time, of a period if it is asked for', async () => {
  const [first, second] = [join(root, 'a.html'), join(root, 'b.html')];
  const words = ['audit', 'report', folder, '--period', '2026-11'];
  const { json } = await hanse([...words, '-o', first, '--json']);
  expect(json).toMatchObject({ output: first, period: '2026-11', entries: log.entries.length });
  await hanse([...words, '-o', second]);
  const page = readFileSync(first, 'utf8');
  expect(readFileSync(second, 'utf8')).toBe(page);
  expect(page).toContain('triage');
  expect(page).toContain('signatureMissing');
});

test.each([
  ['denials', '--period', 'November'],
  ['denials', '--data-dir', 'x', 'folder'],
  ['denials', 'folder', '--salts'],
  ['cost', 'no-hash', 'folder'],
  ['organisation', '../x', 'folder'],
])('%j %j %j is wrong usage', async (...words) => {
  expect(await ask(...words)).toMatchObject({ exitCode: 2, answer: { problem: { code: 'usage' } } });
});
