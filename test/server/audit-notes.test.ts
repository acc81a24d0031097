import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { decodeLeaf } from '../../protocol/audit/leaf.ts';
import { HanseError } from '../../protocol/problem.ts';
import { seededRandom } from '../../protocol/random.ts';
import type { AuditEvent } from '../../schemas/audit-event.ts';
import { AuditLog } from '../../server/audit-log.ts';
import { type AuditNote, LoggedNotes, NO_NOTES } from '../../server/audit-notes.ts';
import { AuditFile } from '../../server/store/audit-file.ts';
import { AT, HASH } from '../fixtures/sample-events.ts';
import { noteKey } from '../protocol/audit/notes.ts';

const by = await noteKey('hanse.example/log');
const SAID = { software: 'hanse/1', origin: 'hanse.example/log' };
const STARTED: AuditNote = { type: 'admin.started', data: SAID };
const STOPPED: AuditNote = { type: 'admin.stopped', data: SAID };

let folder: string;
let opened: AuditFile[] = [];
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'hanse-notes-'));
});
afterEach(() => {
  for (const file of opened) file.close();
  opened = [];
  rmSync(folder, { recursive: true });
});

/** As a process opens it. @param failing told of each append, which fails if it throws */
async function started(failing: (count: number) => void = () => {}) {
  const file = new AuditFile(join(folder, 'audit.sqlite'));
  opened.push(file);
  const log = await AuditLog.open(file, by);
  let now = Date.parse(AT);
  const notes = new LoggedNotes({
    coordinatorKey: HASH,
    random: seededRandom(new Uint8Array(32)),
    clock: { now: () => now, schedule: () => () => {} },
    log: {
      cursor: (source) => log.cursor(source),
      append: async (entries, cursor) => {
        failing(entries.length);
        return log.append(entries, cursor);
      },
    },
  });
  const events = () => file.entries(0, 10_000).map(decodeLeaf);
  const setBack = () => {
    now -= 3_600_000;
  };
  return { file, log, notes, events, setBack };
}

const idsOf = (events: readonly AuditEvent[]) => events.map(({ id }) => id);

test('a note is in the log, under a signed checkpoint, once it has been recorded', async () => {
  const { notes, events, log } = await started();
  await notes.record(STARTED);
  expect(log.size).toBe(1);
  expect(events()).toEqual([
    {
      ...{ specversion: '1.0', datacontenttype: 'application/json', time: AT },
      ...{ id: 'notes/1', source: `urn:hanse:coordinator:${HASH}`, type: 'hanse.admin.started', data: SAID },
    },
  ]);
});

test('notes of many at once share appends, and are numbered without gaps', async () => {
  const appends: number[] = [];
  const { notes, events, log } = await started((count) => appends.push(count));
  await Promise.all(Array.from({ length: 1234 }, () => notes.record(STARTED)));
  expect(idsOf(events())).toEqual(Array.from({ length: 1234 }, (_, i) => `notes/${i + 1}`));
  expect(appends).toEqual([1000, 234]);
  expect(log.cursor('notes')).toBe(1234);
});

test('the next process goes on where the last one was killed, whatever its clock says', async () => {
  const first = await started();
  await Promise.all([first.notes.record(STARTED), first.notes.record(STOPPED)]);
  const second = await started();
  second.setBack();
  await second.notes.record(STARTED);
  expect(idsOf(second.events())).toEqual(['notes/1', 'notes/2', 'notes/3']);
  expect(second.events().map(({ time }) => time < AT)).toEqual([false, false, true]);
});

test('where there is no log, nothing is recorded', async () => {
  await expect(NO_NOTES.record(STARTED)).resolves.toBeUndefined();
});

describe('failures', () => {
  test('of the storage are told to whoever records, and leave no gap', async () => {
    let isFull = true;
    const { notes, events } = await started(() => {
      if (isFull) throw new HanseError('storageFull', { path: 'x' });
    });
    await Promise.all(
      [notes.record(STARTED), notes.record(STOPPED)].map((recorded) =>
        expect(recorded).rejects.toMatchObject({ code: 'storageFull' }),
      ),
    );
    isFull = false;
    await notes.record(STOPPED);
    expect(events().map(({ id, type }) => [id, type])).toEqual([['notes/1', 'hanse.admin.stopped']]);
  });

  test('of an append that was stored nevertheless leave no number twice', async () => {
    const { file, log, notes, events } = await started();
    const isLost = new LoggedNotes({
      coordinatorKey: HASH,
      random: seededRandom(new Uint8Array(32)),
      clock: { now: () => Date.parse(AT), schedule: () => () => {} },
      log: {
        cursor: (source) => file.cursor(source),
        append: async (...args) => {
          await log.append(...args);
          throw new HanseError('storageFailed', { path: 'x', reason: 'planted' });
        },
      },
    });
    await expect(isLost.record(STARTED)).rejects.toMatchObject({ code: 'storageFailed' });
    await notes.record(STOPPED);
    expect(idsOf(events())).toEqual(['notes/1', 'notes/2']);
  });

  test.each([
    ['control characters', 'a\u0000b'],
    ['a line of its own', 'a\nhanse.example/log'],
    ['a name that is too long', 'a'.repeat(301)],
    ['one half of a surrogate pair', 'a\ud800'],
    ['nothing', ''],
  ])('a note with %s is refused, and hinders no other', async (_, software) => {
    const { notes, events } = await started();
    const wrong = notes.record({ type: 'admin.started', data: { ...SAID, software } });
    const right = notes.record(STOPPED);
    await expect(wrong).rejects.toMatchObject({ code: 'invalidFormat' });
    await right;
    expect(events().map(({ id, type }) => [id, type])).toEqual([['notes/1', 'hanse.admin.stopped']]);
  });
});
