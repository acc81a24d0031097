// covers: server/audit-fsck/event-check.ts
/** Entries that follow from events of jobs and are none of their own. */
import { rmSync } from 'node:fs';
import { join } from 'node:path';
import Database from 'better-sqlite3';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { primitives } from '#primitives';
import { decodeLeaf } from '../../../protocol/audit/leaf.ts';
import { fsckDataDir } from '../../../server/audit-fsck/fsck.ts';
import { openDataDir } from '../../../server/data-dir.ts';
import { openRecords } from '../../../server/records.ts';
import { AuditFile } from '../../../server/store/audit-file.ts';
import { loggedDataDir, type OpenDataDir } from '../../fixtures/logged-data-dir.ts';
import { appendTo, attempt, created, PRIVATE_EVENTS, PRIVATE_JOB } from '../../fixtures/private-job.ts';

const [OLDER, LATER] = ['job-0000000000000001', 'job-fedcba9876543210'];

let opened: OpenDataDir;
beforeEach(async () => {
  opened = await loggedDataDir(1);
});
afterEach(() => rmSync(opened.path, { recursive: true }));

/** As a process that starts anew. */
async function reopen() {
  const dataDir = openDataDir(opened.path, { create: false });
  const signer = await primitives.signer(new Uint8Array(32).fill(2));
  const records = await openRecords(dataDir, { logKey: opened.logKey, signer }, primitives.random);
  opened = {
    ...{ ...opened, ...records },
    close: async () => {
      await records.store.close();
      dataDir.release();
    },
  };
}

/** As whoever can write the files could. */
const run = (name: string, sql: string, ...values: unknown[]) => {
  const db = new Database(join(opened.path, name));
  try {
    expect(db.prepare(sql).run(...values).changes).toBeGreaterThan(0);
  } finally {
    db.close();
  }
};
const inLog = (sql: string, ...values: unknown[]) => run('audit.sqlite', sql, ...values);
const found = async () => {
  const { findings } = await fsckDataDir(opened.path);
  return findings.map(({ what, index, position, detail }) => [what, index ?? position, detail]);
};
const entries = () => {
  const file = new AuditFile(join(opened.path, 'audit.sqlite'), { readOnly: true });
  try {
    return file.entries(0, 1000).map(decodeLeaf);
  } finally {
    file.close();
  }
};
const isOfPrivacy = ({ id }: { readonly id: string }) => id.startsWith('privacy/');
const ofPrivacy = () => entries().filter(isOfPrivacy);

test('a log that a coordinator has begun before there were such entries goes on without them for its jobs', async () => {
  // As an older version has left it: nothing of privacy, and no cursor.
  inLog("UPDATE cursors SET position = 1000000 WHERE source = 'privacy'");
  await opened.close();
  await reopen();
  await appendTo(opened.store, `job/${OLDER}`, [created(OLDER), ...attempt(1, 1, 'fails')]);
  await opened.close();
  inLog("DELETE FROM cursors WHERE source = 'privacy'");
  expect(ofPrivacy()).toEqual([]);
  expect(await found()).toEqual([]);

  await reopen();
  await appendTo(opened.store, `job/${OLDER}`, attempt(1, 2, 'released'));
  await appendTo(opened.store, `job/${LATER}`, [created(LATER), ...attempt(1, 1, 'fails')]);
  await opened.close();
  expect(ofPrivacy().map(({ id }) => id)).toEqual([`privacy/${LATER}/1`, `privacy/${LATER}/3`]);
  expect(await found()).toEqual([]);

  // Another start changes nothing of that.
  await reopen();
  await appendTo(opened.store, `job/${LATER}`, attempt(1, 2, 'released'));
  await opened.close();
  expect(ofPrivacy().map(({ data }) => (data as { opened?: number }).opened)).toEqual([undefined, 1, 2]);
  expect(await found()).toEqual([]);

  // Nor is the earlier job forgotten by a log that says to have begun with it.
  inLog("UPDATE cursors SET position = 1 WHERE source = 'privacy'");
  expect((await found()).map(([what, , detail]) => [what, detail])).toEqual(
    [1, 3, 6].map((sequence) => ['eventUnlogged', `privacy/${OLDER}/${sequence}`]),
  );
});

describe('a log with entries of privacy', () => {
  beforeEach(async () => {
    await appendTo(opened.store, `job/${PRIVATE_JOB}`, PRIVATE_EVENTS);
    await opened.close();
  });
  const indexOf = (nth: number) =>
    entries().flatMap((event, at) => (isOfPrivacy(event) ? [at] : []))[nth] as number;

  test('is sound', async () => {
    expect(ofPrivacy()).toHaveLength(4);
    expect(await found()).toEqual([]);
  });

  test('has too many where it says that it began with later jobs', async () => {
    inLog("UPDATE cursors SET position = 3 WHERE source = 'privacy'");
    expect(await found()).toEqual(ofPrivacy().map(({ id }, nth) => ['eventMissing', indexOf(nth), id]));
  });

  test('says something else than the manifest that is stored', async () => {
    run(
      'hanse.sqlite',
      `UPDATE events SET data = replace(data, '"delta":0.1', '"delta":0.2') WHERE type = 'jobCreated'`,
    );
    const changed = await found();
    expect(changed.map(([what, index]) => [what, index])).toEqual(
      [0, 1, 2, 3].map((nth) => ['eventChanged', indexOf(nth)]),
    );
  });

  test.each([0, 1, 3])('of which one cannot be read any more, has no other fault: %d', async (nth) => {
    const at = indexOf(nth);
    inLog("UPDATE entries SET entry = CAST('{}' AS BLOB) WHERE place = ?", at);
    const all = await found();
    expect(all.map(([what, index]) => [what, index])).toEqual([
      ['leafMalformed', at],
      ['entryChanged', at],
    ]);
  });

  test.each([
    ['of an event that has none', `privacy/${PRIVATE_JOB}/2`],
    ['of no job', 'privacy/job-0000000000000000/1'],
    ['of no event', `privacy/${PRIVATE_JOB}/99`],
  ])('has one %s', async (_, id) => {
    const at = indexOf(1);
    const [event] = entries().slice(at);
    const text = JSON.stringify(event).replace(event?.id ?? '', id);
    inLog('UPDATE entries SET entry = CAST(? AS BLOB) WHERE place = ?', text, at);
    const all = await found();
    expect(all.map(([what]) => what)).toEqual(['eventMissing', 'eventUnlogged', 'entryChanged']);
    expect(all[0]).toEqual(['eventMissing', at, id]);
    expect(all[1]).toEqual(['eventUnlogged', expect.any(Number), event?.id]);
  });

  test('has one in the place of its event, and one that comes again', async () => {
    const at = indexOf(1);
    const swap = (place: number, from: number) =>
      inLog(
        'UPDATE entries SET entry = (SELECT entry FROM entries WHERE place = ?) WHERE place = ?',
        from,
        place,
      );
    swap(at - 1, at);
    const all = await found();
    expect(all.map(([what, index]) => [what, index])).toEqual([
      ['eventUnlogged', expect.any(Number)],
      ['entryRepeated', expect.any(Number)],
      ['entryChanged', at - 1],
    ]);
  });
});
