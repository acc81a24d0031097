// covers: schemas/withdrawal-line.ts, schemas/data-set-change.ts
import { appendFile, mkdtemp, readFile, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { WithdrawalJournal } from '../../../client/data/withdrawal-journal.ts';

const CHANGE = { name: 'visits', oldVersion: '1', newVersion: '2', reason: 'consent', removed: 3 } as const;
const clock = { now: () => Date.parse('2026-01-01T12:00:00.000Z') };

let folder: string;
let journal: WithdrawalJournal;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'hanse-withdrawals-'));
  journal = new WithdrawalJournal(join(folder, 'identity.json'), clock);
});
afterEach(() => rm(folder, { recursive: true, force: true }));

test('a version is given up from the moment that the journal says so, for every process', async () => {
  const other = new WithdrawalJournal(join(folder, 'identity.json'), clock);
  expect(await other.isReplaced('visits', '1')).toBe(false);
  await journal.replaced(CHANGE);
  expect(await other.isReplaced('visits', '1')).toBe(true);
  for (const [name, version] of [
    ['visits', '2'],
    ['others', '1'],
  ] as const)
    expect(await other.isReplaced(name, version)).toBe(false);
  expect(await other.successorOf('visits', '1')).toMatchObject({
    newVersion: '2',
    at: '2026-01-01T12:00:00.000Z',
  });
  expect((await stat(journal.path)).mode & 0o077).toBe(0);
});

test('what the coordinator was not told is told in its order, and once', async () => {
  const next = { ...CHANGE, oldVersion: '2', newVersion: '3' };
  await journal.replaced({ ...CHANGE, rows: '/a/rows.json' });
  await journal.replaced(next);
  expect(await journal.untold()).toEqual([CHANGE, next]);
  await journal.told(CHANGE);
  expect(await journal.untold()).toEqual([next]);
});

test('a line that a kill has torn counts as none; one that is no entry is not passed over', async () => {
  await journal.replaced(CHANGE);
  await appendFile(journal.path, '{"type":"repl');
  expect(await journal.isReplaced('visits', '1')).toBe(true);
  const next = new WithdrawalJournal(join(folder, 'identity.json'), clock);
  await next.told(CHANGE);
  expect(await journal.untold()).toEqual([]);
  expect((await readFile(journal.path, 'utf8')).split('\n')).toHaveLength(3);
  await appendFile(journal.path, '{"type":"forgotten"}\n');
  await expect(journal.isReplaced('visits', '9')).rejects.toMatchObject({ code: 'storageCorrupt' });
});
