// covers: server/audit-fsck/findings.ts, server/audit-fsck/sync-tree.ts, server/audit-fsck/tree-check.ts, server/audit-fsck/checkpoint-check.ts, server/audit-fsck/event-check.ts, server/audit-fsck/salt-check.ts, server/store/audit-rows.ts, client/commands/audit-fsck.ts, schemas/fsck-report.ts
import { cpSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import Database from 'better-sqlite3';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { signCheckpoint } from '../../../protocol/audit/checkpoint.ts';
import { GrowingTree } from '../../../protocol/audit/growing-tree.ts';
import { formatVerifierKey } from '../../../protocol/audit/verifier-key.ts';
import { toHex, utf8 } from '../../../protocol/bytes.ts';
import { FSCK_FINDINGS, type FsckFinding, type FsckReport } from '../../../schemas/fsck-report.ts';
import { fsckDataDir } from '../../../server/audit-fsck/fsck.ts';
import { leafHashNow, SyncTree } from '../../../server/audit-fsck/sync-tree.ts';
import { AuditFile } from '../../../server/store/audit-file.ts';
import { hanse } from '../../fixtures/command-line.ts';
import { LOGGED_JOB, loggedDataDir } from '../../fixtures/logged-data-dir.ts';
import { AT, JOB_EVENTS } from '../../fixtures/sample-events.ts';
import { noteKey } from '../../protocol/audit/notes.ts';

const SIZE = 300;
const by = await noteKey('hanse.example/log');

let pristine: string;
let folder: string;
beforeAll(async () => {
  const opened = await loggedDataDir(SIZE);
  pristine = opened.path;
  await opened.close();
});
afterAll(() => {
  rmSync(pristine, { recursive: true });
});
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'hanse-fsck-'));
  cpSync(pristine, folder, { recursive: true });
});
afterEach(() => {
  rmSync(folder, { recursive: true });
});

const inFile = <T>(name: string, work: (db: Database.Database) => T): T => {
  const db = new Database(join(folder, name));
  try {
    db.pragma('synchronous = OFF');
    return work(db);
  } finally {
    db.close();
  }
};
const inPristine = <T>(work: (db: Database.Database) => T): T => {
  const db = new Database(join(pristine, 'audit.sqlite'), { readonly: true });
  try {
    return work(db);
  } finally {
    db.close();
  }
};
const inLog = <T>(work: (db: Database.Database) => T) => inFile('audit.sqlite', work);
const inRecords = <T>(work: (db: Database.Database) => T) => inFile('hanse.sqlite', work);
/** As whoever can write the file could. */
const run = (db: Database.Database, sql: string, ...values: unknown[]) =>
  expect(db.prepare(sql).run(...values).changes, sql).toBeGreaterThan(0);
const flipped = (bytes: Uint8Array, at = 5) => {
  const changed = Buffer.from(bytes);
  changed.writeUInt8(changed.readUInt8(at) ^ 1, at);
  return changed;
};
const entryOf = (db: Database.Database, place: number) =>
  db.prepare('SELECT entry FROM entries WHERE place = ?').pluck().get(place) as Buffer;
const hashOf = (db: Database.Database, level: number, place: number) =>
  db.prepare('SELECT hash FROM hashes WHERE level = ? AND place = ?').pluck().get(level, place) as Buffer;
const sizesOf = (db: Database.Database) =>
  db.prepare('SELECT size FROM checkpoints ORDER BY size').pluck().all() as number[];
const setHash = (db: Database.Database, level: number, place: number, hash: Uint8Array) =>
  run(db, 'UPDATE hashes SET hash = ? WHERE level = ? AND place = ?', hash, level, place);
const setNote = (db: Database.Database, size: number, note: string) =>
  run(db, 'UPDATE checkpoints SET note = ? WHERE size = ?', note, size);
const noteOf = (db: Database.Database, size: number) =>
  db.prepare('SELECT note FROM checkpoints WHERE size = ?').pluck().get(size) as string;
const middleOf = (db: Database.Database) => sizesOf(db)[2] as number;
/** Of an entry with a salted field, which the second of the three kinds of the fixture is. */
const saltedPlace = (db: Database.Database) =>
  db.prepare('SELECT place FROM salts ORDER BY place LIMIT 1').pluck().get() as number;
const positionOf = (stream: string, sequence: number) =>
  inRecords((db) =>
    db.prepare('SELECT position FROM events WHERE stream = ? AND sequence = ?').pluck().get(stream, sequence),
  ) as number;

const found = async (): Promise<readonly FsckFinding[]> => {
  const { findings, ok } = await fsckDataDir(folder);
  expect(ok).toBe(findings.length === 0);
  return findings;
};

test('the log that nobody has touched is sound', async () => {
  const { size, root, findings, unlisted, ok } = await fsckDataDir(folder);
  expect({ findings, unlisted, ok }).toEqual({ findings: [], unlisted: 0, ok: true });
  expect(size).toBe(SIZE);
  expect(root).toMatch(/^[0-9a-f]{64}$/);
});

test.each([0, 1, 255, 256, 257])('so is one of %d entries, while a coordinator writes it', async (size) => {
  const opened = await loggedDataDir(size);
  const report = await fsckDataDir(opened.path);
  const root = toHex(opened.log.checkpoint.root);
  await opened.close();
  rmSync(opened.path, { recursive: true });
  expect(report).toEqual({ size, root, findings: [], unlisted: 0, ok: true });
});

type Plant = () => unknown;
interface Planted {
  readonly plant: Plant;
  readonly findings: () => readonly Partial<FsckFinding>[];
}

/** What each corruption is found as: all of it, and nothing else. */
const PLANTED: Readonly<Record<string, Planted>> = {
  'a byte of an entry': {
    plant: () =>
      inLog((db) => run(db, 'UPDATE entries SET entry = ? WHERE place = 290', flipped(entryOf(db, 290)))),
    findings: () => [
      { what: 'leafMalformed', index: 290 },
      { what: 'entryChanged', index: 290 },
    ],
  },
  'an entry that is no UTF-8 any more': {
    plant: () =>
      inLog((db) => {
        const entry = Buffer.from(entryOf(db, 8));
        entry[20] = 0xff;
        run(db, 'UPDATE entries SET entry = ? WHERE place = 8', entry);
      }),
    findings: () => [
      { what: 'leafMalformed', index: 8, detail: 'no UTF-8' },
      { what: 'entryChanged', index: 8 },
    ],
  },
  'entries with names of no events, and of one that has none': {
    plant: () =>
      inLog((db) => {
        const named = (place: number, id: string) => {
          const entry = entryOf(db, place).toString();
          const changed = Buffer.from(entry.replace(/"id":"[^"]*"/, `"id":"${id}"`));
          expect(changed.toString()).not.toBe(entry);
          run(db, 'UPDATE entries SET entry = ? WHERE place = ?', changed, place);
        };
        named(3, 'of no stream/1');
        named(5, 'federation/0x1');
        named(saltedPlace(db), `job/${LOGGED_JOB}/1`);
      }),
    findings: () => [
      { what: 'eventMissing', index: 3, detail: 'of no stream/1' },
      { what: 'eventUnlogged', position: 4 },
      { what: 'eventMissing', index: 5, detail: 'federation/0x1' },
      { what: 'eventUnlogged', position: 6 },
      { what: 'entryChanged', index: 3 },
      { what: 'entryChanged', index: 5 },
      { what: 'eventMissing', index: inLog(saltedPlace), detail: `job/${LOGGED_JOB}/1` },
      { what: 'eventUnlogged', position: positionOf(`job/${LOGGED_JOB}`, 2) },
      { what: 'entryChanged', index: inLog(saltedPlace) },
    ],
  },
  'an entry in the place of another': {
    plant: () => inLog((db) => run(db, 'UPDATE entries SET entry = ? WHERE place = 1', entryOf(db, 2))),
    findings: () => [
      { what: 'eventUnlogged', position: 2 },
      { what: 'entryRepeated', index: 2, position: 3 },
      { what: 'entryChanged', index: 1 },
    ],
  },
  'a note that the log has come to': {
    plant: () => inLog((db) => run(db, "INSERT INTO cursors VALUES ('notes', 1)")),
    findings: () => [{ what: 'noteMissing', detail: 'notes/1' }],
  },
  'an entry that is gone': {
    plant: () => inLog((db) => run(db, 'DELETE FROM entries WHERE place = 255')),
    findings: () => [{ what: 'entryMissing', index: 255 }],
  },
  'the last entry that is gone': {
    plant: () => inLog((db) => run(db, 'DELETE FROM entries WHERE place = ?', SIZE - 1)),
    findings: () => [{ what: 'entryMissing', index: SIZE - 1 }],
  },
  'tiles that are gone': {
    plant: () =>
      inLog((db) => {
        run(db, 'DELETE FROM entries WHERE place >= 256');
        run(db, 'DELETE FROM hashes WHERE level = 0 AND place >= 256');
      }),
    findings: () => [{ what: 'entryMissing', index: 256, count: SIZE - 256 }],
  },
  'a bit of a hash of a leaf': {
    plant: () => inLog((db) => setHash(db, 0, 17, flipped(hashOf(db, 0, 17)))),
    findings: () => [{ what: 'hashChanged', level: 0, index: 17 }],
  },
  'a hash that is too short': {
    plant: () => inLog((db) => setHash(db, 0, 17, hashOf(db, 0, 17).subarray(1))),
    findings: () => [{ what: 'hashChanged', level: 0, index: 17 }],
  },
  'a hash of a leaf that is gone': {
    plant: () => inLog((db) => run(db, 'DELETE FROM hashes WHERE level = 0 AND place = 299')),
    findings: () => [{ what: 'hashMissing', level: 0, index: 299 }],
  },
  'a bit of a hash of a tile': {
    plant: () => inLog((db) => setHash(db, 1, 0, flipped(hashOf(db, 1, 0)))),
    findings: () => [{ what: 'hashChanged', level: 1, index: 0 }],
  },
  'a hash of a tile that is gone': {
    plant: () => inLog((db) => run(db, 'DELETE FROM hashes WHERE level = 1 AND place = 0')),
    findings: () => [{ what: 'hashMissing', level: 1, index: 0 }],
  },
  'an entry and its hash, as if it had been so': {
    plant: () =>
      inLog((db) => {
        const entry = Buffer.from(entryOf(db, 120).toString().replace('clinic-a', 'clinic-b'));
        run(db, 'UPDATE entries SET entry = ? WHERE place = 120', entry);
        setHash(db, 0, 120, Buffer.from(leafHashNow(entry), 'hex'));
      }),
    findings: () => [
      { what: 'eventChanged', index: 120 },
      { what: 'rootMismatch', index: inLog(sizesOf).find((size) => size > 120) as number },
      { what: 'hashChanged', level: 1, index: 0 },
    ],
  },
  'entry and hash, each to something else': {
    plant: () =>
      inLog((db) => {
        run(db, 'UPDATE entries SET entry = ? WHERE place = ?', Buffer.from('{}'), SIZE - 1);
        setHash(db, 0, SIZE - 1, new Uint8Array(32));
      }),
    findings: () => [
      { what: 'leafMalformed', index: SIZE - 1 },
      { what: 'rootMismatch', index: SIZE },
      { what: 'leafMismatch', index: SIZE - 1 },
    ],
  },
  'an entry behind the checkpoint': {
    plant: () => inLog((db) => run(db, 'INSERT INTO entries VALUES (?, ?)', SIZE, Buffer.from('{}'))),
    findings: () => [{ what: 'behindSize', index: SIZE, detail: 'entry' }],
  },
  'hashes and salts where no log has any': {
    plant: () =>
      inLog((db) => {
        run(db, 'INSERT INTO hashes VALUES (1, 2, ?)', new Uint8Array(32));
        run(db, 'INSERT INTO hashes VALUES (9, 0, ?)', new Uint8Array(32));
        run(db, "INSERT INTO salts VALUES (-1, '/data/node', ?, '1')", new Uint8Array(16));
      }),
    findings: () => [
      { what: 'behindSize', level: 1, index: 2, detail: 'hash' },
      { what: 'behindSize', level: 9, index: 0, detail: 'hash' },
      { what: 'behindSize', index: -1, detail: 'salt' },
    ],
  },
  'no checkpoint at all': {
    plant: () => inLog((db) => run(db, 'DELETE FROM checkpoints')),
    findings: () => [
      { what: 'checkpointMissing' },
      { what: 'behindSize', index: 0, detail: 'entry' },
      { what: 'behindSize', level: 0, index: 0, detail: 'hash' },
      { what: 'behindSize', level: 1, index: 0, detail: 'hash' },
      { what: 'behindSize', detail: 'salt' },
      ...Array.from({ length: SIZE }, () => ({ what: 'eventUnlogged' as const })),
    ],
  },
  'the newest checkpoint, gone': {
    plant: () => inLog((db) => run(db, 'DELETE FROM checkpoints WHERE size = ?', SIZE)),
    findings: () => {
      const size = inLog(sizesOf).at(-1) as number;
      return [
        { what: 'behindSize', index: size, detail: 'entry' },
        { what: 'behindSize', index: size, level: 0, detail: 'hash' },
        { what: 'behindSize', detail: 'salt' },
        ...Array.from({ length: SIZE - size }, () => ({ what: 'eventUnlogged' as const })),
      ];
    },
  },
  'a checkpoint in the middle, and the first one, gone': {
    plant: () =>
      inLog((db) => {
        const middle = middleOf(db);
        run(db, 'DELETE FROM checkpoints WHERE size IN (0, ?)', middle);
      }),
    findings: () => [
      { what: 'checkpointGone', index: 0 },
      { what: 'checkpointGone', index: inPristine(middleOf) },
    ],
  },
  'a root in a checkpoint': {
    plant: () => inLog((db) => setNote(db, SIZE, noteOf(db, SIZE).replace(/\n[A-Za-z0-9+/]{5}/, '\nAAAAA'))),
    findings: () => [{ what: 'noteUnsigned', index: SIZE }],
  },
  'a checkpoint that is no note': {
    plant: () => inLog((db) => setNote(db, 1, 'hello')),
    findings: () => [{ what: 'noteMalformed', index: 1 }],
  },
  'a note that is no checkpoint': {
    plant: () => inLog((db) => setNote(db, 1, noteOf(db, 1).replace('\n1\n', '\n01\n'))),
    findings: () => [{ what: 'checkpointMalformed', index: 1 }],
  },
  'a checkpoint in the place of another': {
    plant: () => inLog((db) => setNote(db, 1, noteOf(db, SIZE))),
    findings: () => [{ what: 'checkpointMisplaced', index: 1, detail: `of size ${SIZE}` }],
  },
  'a checkpoint of a size that no log has': {
    plant: () => inLog((db) => run(db, 'INSERT INTO checkpoints VALUES (-3, ?, -3)', noteOf(db, SIZE))),
    findings: () => [
      { what: 'checkpointMisplaced', index: -3 },
      { what: 'checkpointGone', index: 0 },
    ],
  },
  'a checkpoint of another log': {
    plant: async () => {
      const other = await noteKey('hanse.example/other');
      const note = await signCheckpoint({ size: 1, root: new Uint8Array(32) }, other.key, other.signer);
      inLog((db) => setNote(db, 1, note));
    },
    findings: () => [{ what: 'originUnknown', index: 1 }],
  },
  'a root that the log has signed, and that is of nothing': {
    plant: async () => {
      const note = await signCheckpoint({ size: 1, root: new Uint8Array(32) }, by.key, by.signer);
      inLog((db) => setNote(db, 1, note));
    },
    findings: () => [{ what: 'rootMismatch', index: 1 }],
  },
  'another root of nothing': {
    plant: async () => {
      const note = await signCheckpoint({ size: 0, root: new Uint8Array(32) }, by.key, by.signer);
      inLog((db) => setNote(db, 0, note));
    },
    findings: () => [{ what: 'rootMismatch', index: 0 }],
  },
  'a value beside the log': {
    plant: () =>
      inLog((db) =>
        run(db, `UPDATE salts SET value = '"${'b'.repeat(32)}"' WHERE place = ?`, saltedPlace(db)),
      ),
    findings: () => [{ what: 'saltForeign', index: inLog(saltedPlace), pointer: '/data/node' }],
  },
  'a salt beside the log': {
    plant: () =>
      inLog((db) =>
        run(db, 'UPDATE salts SET salt = ? WHERE place = ?', new Uint8Array(16), saltedPlace(db)),
      ),
    findings: () => [{ what: 'saltForeign', index: inLog(saltedPlace), pointer: '/data/node' }],
  },
  'salts of fields that are none': {
    plant: () =>
      inLog((db) => {
        run(db, "INSERT INTO salts VALUES (1, '/data/role', ?, '1')", new Uint8Array(16));
        run(db, "INSERT INTO salts VALUES (1, '/data/__proto__/x', ?, '1')", new Uint8Array(16));
        run(db, "INSERT INTO salts VALUES (1, '', ?, '1')", new Uint8Array(16));
      }),
    findings: () =>
      ['', '/data/__proto__/x', '/data/role'].map((pointer) => ({ what: 'saltForeign', index: 1, pointer })),
  },
  'a cursor before its events': {
    plant: () => inLog((db) => run(db, 'UPDATE cursors SET position = 1')),
    findings: () =>
      Array.from({ length: SIZE - 1 }, (_, i) => ({ what: 'entryAhead' as const, index: i + 1 })),
  },
  'a cursor behind the records': {
    plant: () => inLog((db) => run(db, 'UPDATE cursors SET position = 1000000')),
    findings: () => [{ what: 'cursorAhead', position: 1_000_000 }],
  },
  'an event that is gone': {
    plant: () =>
      inRecords((db) => run(db, "DELETE FROM events WHERE stream = 'federation' AND sequence = 9")),
    findings: () => [{ what: 'eventMissing', index: 8, detail: 'federation/9' }],
  },
  'what an event says': {
    plant: () =>
      inRecords((db) =>
        run(
          db,
          "UPDATE events SET data = replace(data, 'clinic-a', 'clinic-b') WHERE stream = 'federation' AND sequence = 9",
        ),
      ),
    findings: () => [{ what: 'eventChanged', index: 8, position: positionOf('federation', 9) }],
  },
  'when an event was': {
    plant: () =>
      inRecords((db) =>
        run(
          db,
          "UPDATE events SET at = '2027-01-01T00:00:00.000Z' WHERE stream = 'federation' AND sequence = 9",
        ),
      ),
    findings: () => [{ what: 'eventChanged', index: 8 }],
  },
  'an event that nobody knows': {
    plant: () =>
      inRecords((db) =>
        run(db, "UPDATE events SET type = 'unheardOf' WHERE stream = 'federation' AND sequence = 9"),
      ),
    findings: () => [{ what: 'eventChanged', index: 8 }],
  },
  'whom an event names, which the log hides': {
    plant: () =>
      inRecords((db) =>
        run(
          db,
          "UPDATE events SET data = replace(data, ?, ?) WHERE stream LIKE 'job/%' AND sequence = 2",
          'a'.repeat(32),
          'b'.repeat(32),
        ),
      ),
    findings: () => [{ what: 'eventChanged', index: inLog(saltedPlace) }],
  },
  'an event that was slipped in': {
    plant: () =>
      inRecords((db) => {
        run(
          db,
          "UPDATE events SET type = 'consentGiven', data = ? WHERE stream LIKE 'job/%' AND sequence = 1",
          JSON.stringify({ round: 1, attempt: 2, node: 'a'.repeat(32), signature: '1'.repeat(128) }),
        );
      }),
    findings: () => [
      {
        what: 'eventUnlogged',
        position: positionOf('job/job-0123456789abcdef', 1),
        detail: 'job/job-0123456789abcdef/1',
      },
    ],
  },
};

describe('found is', () => {
  test.each(Object.entries(PLANTED))('%s', async (_, { plant, findings }) => {
    await plant();
    const expected = findings().map((finding) => expect.objectContaining(finding));
    expect(await found()).toEqual(expected);
  });

  test('by each name there is', async () => {
    const names = new Set(Object.values(PLANTED).flatMap(({ findings }) => namesOf(findings)));
    expect([...names].sort()).toEqual(Object.keys(FSCK_FINDINGS).sort());
    const spec = readFileSync(new URL('../../../protocol/SPEC.md', import.meta.url), 'utf8');
    for (const [name, meaning] of Object.entries(FSCK_FINDINGS))
      expect(spec).toContain(`| \`${name}\` | ${meaning} |`);
  });
});

/** Some of them look into the files of a test. */
function namesOf(findings: () => readonly Partial<FsckFinding>[]): string[] {
  return findings().map(({ what }) => what ?? '');
}

test('any characters that an event has are no finding', async () => {
  const opened = await loggedDataDir(3);
  const data = { ...JOB_EVENTS.taskDeclined, code: 'é "\\\u{1f600} \ufffd "salted":"' };
  const { length = 0 } = (await opened.store.streams('job/')).at(0) ?? {};
  const event = { type: 'taskDeclined', version: 1, data };
  await opened.store.append(`job/${LOGGED_JOB}`, length, [event], new Date(AT));
  await opened.close();
  rmSync(folder, { recursive: true });
  folder = opened.path;
  expect(await found()).toEqual([]);
  inRecords((db) => run(db, "UPDATE events SET data = replace(data, 'é', 'e') WHERE type = 'taskDeclined'"));
  expect(await found()).toEqual([expect.objectContaining({ what: 'eventChanged', index: 3 })]);
});

test('a log of the first version is checked as it is; one that was opened since misses checkpoints too', async () => {
  inLog((db) => db.exec('ALTER TABLE checkpoints DROP COLUMN before; PRAGMA user_version = 1'));
  expect(await found()).toEqual([]);
  new AuditFile(join(folder, 'audit.sqlite')).close();
  expect(await found()).toEqual([]);
  inLog((db) => run(db, 'DELETE FROM checkpoints WHERE size = ?', middleOf(db)));
  expect(await found()).toEqual([{ what: 'checkpointGone', index: inPristine(middleOf) }]);
});

test('a salt that was erased is not missed', async () => {
  inLog((db) => run(db, 'DELETE FROM salts WHERE place = ?', saltedPlace(db)));
  expect(await found()).toEqual([]);
});

test('an entry that was changed is told apart from a hash that was, also where both were, and once each', async () => {
  inLog((db) => {
    const before = sizesOf(db)
      .filter((size) => size > 1)
      .at(0) as number;
    run(db, 'UPDATE entries SET entry = ? WHERE place = 1', flipped(entryOf(db, 1)));
    setHash(db, 0, before, flipped(hashOf(db, 0, before)));
    setHash(db, 0, before + 1, flipped(hashOf(db, 0, before + 1)));
  });
  const named = (await found()).filter(({ what }) => what !== 'leafMalformed');
  expect(named.map(({ what }) => what)).toEqual(['entryChanged', 'hashChanged', 'hashChanged']);
});

test('a log that is damaged throughout has a short report', async () => {
  const opened = await loggedDataDir(600);
  await opened.close();
  rmSync(folder, { recursive: true });
  folder = opened.path;
  inLog((db) => run(db, 'UPDATE hashes SET hash = zeroblob(32) WHERE level = 0'));
  inLog((db) => run(db, 'UPDATE entries SET entry = zeroblob(9)'));
  const report = await fsckDataDir(folder);
  expect(report.findings).toHaveLength(1000);
  expect(report.unlisted).toBeGreaterThan(100);
  expect(report.ok).toBe(false);
});

describe('the command', () => {
  const words = () => ['audit', 'fsck', '--data-dir', folder];

  test('says what it has found, and fails by it', async () => {
    const sound = await hanse([...words(), '--json']);
    expect(sound).toMatchObject({ exitCode: 0, json: { size: SIZE, ok: true, findings: [] } });
    expect((await hanse(words())).out).toContain('everything is as it was signed');
    inLog((db) => setHash(db, 1, 0, flipped(hashOf(db, 1, 0))));
    const { exitCode, out } = await hanse(words());
    expect(exitCode).toBe(1);
    expect(out).toContain('hashChanged: level 1, index 0: a hash of the tree is not the one that was signed');
    const outcome = await hanse([...words(), '--json']);
    expect(outcome.exitCode).toBe(1);
    expect((outcome.json as FsckReport).findings).toEqual([{ what: 'hashChanged', level: 1, index: 0 }]);
  });

  test.each([
    ['no data directory', 'dataDirMissing', () => rmSync(join(folder, 'audit.sqlite'))],
    ['no key', 'dataDirMissing', () => rmSync(join(folder, 'keys', 'audit.vkey'))],
    [
      'a key that is none',
      'verifierKeyInvalid',
      () => writeFileSync(join(folder, 'keys', 'audit.vkey'), 'hello\n'),
    ],
    [
      'a log that is no database',
      'storageCorrupt',
      () => writeFileSync(join(folder, 'audit.sqlite'), 'x'.repeat(5000)),
    ],
    [
      'an event that is no JSON',
      'storageCorrupt',
      () => inRecords((db) => run(db, "UPDATE events SET data = '{' WHERE position = 9")),
    ],
  ] as const)('fails by name for %s', async (_, code, plant) => {
    expect((await hanse(words())).exitCode).toBe(0);
    plant();
    const outcome = await hanse([...words(), '--json']);
    expect(outcome).toMatchObject({ exitCode: 1, json: { problem: { code } } });
  });

  test('with another key beside the log, every checkpoint is unsigned', async () => {
    const { key } = await noteKey('hanse.example/log', 'note', 9);
    writeFileSync(join(folder, 'keys', 'audit.vkey'), utf8(`${formatVerifierKey(key)}\n`));
    const findings = await found();
    expect(new Set(findings.map(({ what }) => what))).toEqual(new Set(['noteUnsigned']));
    expect(findings).toHaveLength(inLog(sizesOf).length);
  });

  test('asked to stop, says so', async () => {
    const stop = new AbortController();
    stop.abort();
    const outcome = await hanse([...words(), '--json'], { stop });
    expect(outcome).toMatchObject({ exitCode: 1, json: { problem: { code: 'interrupted' } } });
  });

  test('writes nothing', async () => {
    const before = readdirSync(folder).map((name) => [
      name,
      name.endsWith('sqlite') && readFileSync(join(folder, name)).length,
    ]);
    await hanse(words());
    const after = readdirSync(folder).filter((name) => !/-(wal|shm)$/.test(name));
    expect(after).toEqual(before.map(([name]) => name).filter((name) => !/-(wal|shm)$/.test(String(name))));
  });
});

test('a tree without promises is that with them', async () => {
  const bytes = (hash: string) => new Uint8Array(Buffer.from(hash, 'hex'));
  const tree = new SyncTree();
  const twin = new GrowingTree();
  expect(bytes(tree.root())).toEqual(await twin.root());
  for (let index = 0; index < 700; index += 1) {
    const leaf = leafHashNow(utf8(`entry ${index}`));
    const [, ...upper] = await twin.add(bytes(leaf));
    expect(tree.add(leaf).map(({ hash, ...place }) => ({ ...place, hash: bytes(hash) }))).toEqual(upper);
    if (index % 50 === 0) expect(bytes(tree.root())).toEqual(await twin.root());
  }
  const clone = tree.clone();
  tree.add(leafHashNow(new Uint8Array(70_000)));
  expect(bytes(clone.root())).toEqual(await twin.root());
});
