import { rmSync } from 'node:fs';
import { join } from 'node:path';
import Database from 'better-sqlite3';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { AuditEvent } from '../../../schemas/audit-event.ts';
import { Findings } from '../../../server/audit-fsck/findings.ts';
import { fsckDataDir } from '../../../server/audit-fsck/fsck.ts';
import { NoteCheck } from '../../../server/audit-fsck/note-check.ts';
import { loggedDataDir, type OpenDataDir } from '../../fixtures/logged-data-dir.ts';
import { AT, FEDERATION_EVENTS } from '../../fixtures/sample-events.ts';

const SAID = { software: 'hanse/1', origin: 'hanse.example/log' };

describe('a check of notes', () => {
  const note = (number: number, id = `notes/${number}`) =>
    ({ id, type: 'hanse.admin.started', data: SAID }) as AuditEvent;
  const found = (entries: readonly (AuditEvent | undefined)[], cursor = entries.length) => {
    const findings = new Findings();
    const check = new NoteCheck(cursor, findings);
    for (const [index, entry] of entries.entries()) check.take(index, entry);
    check.end();
    return findings.listed;
  };

  test('finds nothing where they are all there', () => {
    expect(found([])).toEqual([]);
    expect(found([note(1), note(2), note(3)])).toEqual([]);
  });

  test('finds those that are not there', () => {
    expect(found([note(2)], 2)).toEqual([{ what: 'noteMissing', index: 0, detail: 'notes/1' }]);
    expect(found([note(1), note(2)], 3)).toEqual([{ what: 'noteMissing', detail: 'notes/3' }]);
    expect(found([], 1)).toEqual([{ what: 'noteMissing', detail: 'notes/1' }]);
  });

  test('takes one that cannot be read for one of them, and for no more', () => {
    expect(found([note(1), undefined, note(3)])).toEqual([]);
    expect(found([note(1), undefined, note(4)], 4)).toEqual([
      { what: 'noteMissing', index: 2, detail: 'notes/2' },
    ]);
    expect(found([note(1), undefined])).toEqual([]);
  });

  test('finds those that come again, or before the log has come to them', () => {
    expect(found([note(1), note(1), note(2)], 2)).toEqual([
      { what: 'entryRepeated', index: 1, detail: 'notes/1' },
    ]);
    expect(found([note(1), note(2)], 1)).toEqual([{ what: 'entryAhead', index: 1, detail: 'notes/2' }]);
  });

  test('finds what is none and has the name of one, and leaves other names to others', () => {
    const event = { ...note(1), type: 'hanse.job.cancelled' } as AuditEvent;
    expect(found([event, note(1)], 1)).toEqual([{ what: 'eventMissing', index: 0, detail: 'notes/1' }]);
    const check = new NoteCheck(1, new Findings());
    for (const id of ['federation/1', 'notes/01', 'notes/0', 'notes/-1', 'notes', 'notes/9999999999999999'])
      expect(check.take(0, note(1, id)), id).toBe(false);
  });
});

describe('a stored log with notes between its events', () => {
  let opened: OpenDataDir;
  let length = 1;
  const invite = async () => {
    const event = { type: 'inviteCreated', version: 1, data: FEDERATION_EVENTS.inviteCreated };
    await opened.store.append('federation', length, [event], new Date(AT));
    length += 1;
  };
  const start = () => opened.notes.record({ type: 'admin.started', data: SAID });
  beforeEach(async () => {
    opened = await loggedDataDir(1);
    length = 1;
    for (const step of [start, start, invite, start, invite, invite]) await step();
    await opened.close();
  });
  afterEach(() => rmSync(opened.path, { recursive: true }));

  /** As whoever can write the file could. */
  const spoil = (...places: number[]) => {
    const db = new Database(join(opened.path, 'audit.sqlite'));
    for (const place of places)
      db.prepare("UPDATE entries SET entry = CAST('{}' AS BLOB) WHERE place = ?").run(place);
    db.close();
  };
  const found = async () => (await fsckDataDir(opened.path)).findings.map(({ what, index }) => [what, index]);

  test('is sound', async () => {
    expect(await found()).toEqual([]);
  });

  test.each([
    ['a note', [1]],
    ['a note between events', [4]],
    ['notes and an event in a row', [1, 2, 3]],
    ['an event and a note in a row', [3, 4]],
    ['an event', [5]],
    ['all that follow the first', [1, 2, 3, 4, 5, 6]],
  ])('of which %s cannot be read any more, has no other fault', async (_, places) => {
    spoil(...places);
    const all = await found();
    for (const what of ['leafMalformed', 'entryChanged'])
      expect(all.filter(([name]) => name === what)).toEqual(places.map((place) => [what, place]));
    expect(all).toHaveLength(2 * places.length);
  });

  test('has come further than its notes where its cursor says so', async () => {
    const db = new Database(join(opened.path, 'audit.sqlite'));
    db.prepare("UPDATE cursors SET position = 4 WHERE source = 'notes'").run();
    db.close();
    expect(await found()).toEqual([['noteMissing', undefined]]);
  });
});
