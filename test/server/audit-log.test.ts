// covers: server/store/audit-file.ts, server/store/create-privately.ts
import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import Database from 'better-sqlite3';
import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { primitives } from '#primitives';
import { readCheckpoint } from '../../protocol/audit/checkpoint.ts';
import { decodeBundle } from '../../protocol/audit/entry-bundle.ts';
import { checkLogProof } from '../../protocol/audit/log-proof.ts';
import { newTiles } from '../../protocol/audit/tile.ts';
import { utf8 } from '../../protocol/bytes.ts';
import { leafHash, treeRoot } from '../../protocol/merkle.ts';
import { isConsistent } from '../../protocol/merkle-consistency.ts';
import { AuditLog, type LogKey } from '../../server/audit-log.ts';
import { AuditFile } from '../../server/store/audit-file.ts';
import { noteKey } from '../protocol/audit/notes.ts';

let folder: string;
let path: string;
let by: LogKey;
const opened: { close(): unknown }[] = [];
/** Of logs that a property begins anew. */
let lives = 0;

beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), 'hanse-audit-'));
  path = join(folder, 'audit.sqlite');
  by = await noteKey('hanse.example/log');
});
afterEach(() => {
  for (const file of opened.splice(0)) file.close();
  rmSync(folder, { recursive: true });
});

const fileOf = (options = {}) => {
  const file = new AuditFile(path, options);
  opened.push(file);
  return file;
};
const open = (key = by) => AuditLog.open(fileOf(), key);
const entriesOf = (count: number, from = 0) =>
  Array.from({ length: count }, (_, i) => utf8(`entry ${from + i}`));
const plain = (entries: readonly Uint8Array[]) => entries.map((bytes) => ({ bytes }));
const rootOf = async (count: number) =>
  treeRoot(primitives, await Promise.all(entriesOf(count).map((entry) => leafHash(primitives, entry))));
/** With another connection, as whoever can write the file could. */
const tamper = (sql: string, ...values: unknown[]) => {
  const db = new Database(path);
  try {
    expect(db.prepare(sql).run(...values).changes).toBeGreaterThan(0);
  } finally {
    db.close();
  }
};
const refusal = (code: string) => expect.objectContaining({ code });

test('begins with a signed checkpoint over nothing, in a file for its owner alone', async () => {
  const log = await open();
  expect(await readCheckpoint(log.note, by.key)).toMatchObject({ size: 0, root: await rootOf(0) });
  expect(statSync(path).mode & 0o777).toBe(0o600);
});

test('what is appended has its place and is under a signed checkpoint, whatever is issued together', async () => {
  const log = await open();
  const sizes = [1, 3, 250, 1, 2, 300];
  let from = 0;
  const appended = sizes.map((size) => {
    const entries = entriesOf(size, from);
    from += size;
    return log.append(plain(entries));
  });
  expect(await Promise.all(appended)).toEqual([0, 1, 4, 254, 255, 257]);
  expect(await readCheckpoint(log.note, by.key)).toMatchObject({ size: from, root: await rootOf(from) });
  for (const tile of newTiles(0, from)) {
    const bytes = await log.tile(tile);
    if (tile.level === 'entries')
      expect(decodeBundle(bytes, tile.width)).toEqual(entriesOf(tile.width, 256 * tile.index));
    else expect(bytes).toHaveLength(32 * tile.width);
  }
});

test('each entry is proved in each checkpoint that has it, and each checkpoint in those that follow', async () => {
  const log = await open();
  const notes = [log.note];
  for (const entry of entriesOf(9)) {
    await log.append(plain([entry]));
    notes.push(log.note);
  }
  for (let size = 1; size <= 9; size += 1)
    for (let index = 0; index < size; index += 1) {
      const proof = {
        ...{ index, checkpoint: notes[size] as string },
        hashes: await log.inclusionProof(index, size),
      };
      const [entry = new Uint8Array()] = entriesOf(1, index);
      await expect(checkLogProof(entry, proof, by.key)).resolves.toMatchObject({ size });
    }
  const root = await log.rootAt(9);
  for (let oldSize = 1; oldSize <= 9; oldSize += 1) {
    const proof = await log.consistencyProof(oldSize, 9);
    const claim = { oldSize, oldRoot: await log.rootAt(oldSize), size: 9, root, proof };
    expect(await isConsistent(primitives, claim)).toBe(true);
  }
  expect(() => log.inclusionProof(0, 10)).toThrow(RangeError);
  expect(() => log.consistencyProof(0, 10)).toThrow(RangeError);
});

test('goes on after a new start as if there had been none', () =>
  fc.assert(
    fc.asyncProperty(
      fc.array(fc.integer({ min: 1, max: 300 }), { minLength: 1, maxLength: 4 }),
      async (steps) => {
        lives += 1;
        const name = join(folder, `${lives}`);
        let size = 0;
        for (const step of steps) {
          const file = new AuditFile(name);
          try {
            const log = await AuditLog.open(file, by);
            expect(log.size).toBe(size);
            expect(await log.append(plain(entriesOf(step, size)))).toBe(size);
            size += step;
            expect(log.checkpoint.root).toEqual(await rootOf(size));
          } finally {
            file.close();
          }
        }
      },
    ),
    { numRuns: 6 },
  ));

test('a reader sees what is durable while it is written, and changes nothing', async () => {
  const log = await open();
  await log.append(plain(entriesOf(2)));
  const reader = fileOf({ readOnly: true });
  expect(reader.lastCheckpoint()).toBe(log.note);
  expect(reader.entries(0, 10)).toEqual(entriesOf(2).map((entry) => Buffer.from(entry)));
  expect(reader.checkpointOver(1)).toBe(log.note);
  expect(reader.checkpointOver(3)).toBeUndefined();
  const growth = { before: 2, entries: [], salted: [], hashes: [], checkpoint: '', cursors: [] };
  expect(() => reader.grow(growth)).toThrow(refusal('storageFailed'));
  expect(() => new AuditFile(join(folder, 'none'), { readOnly: true })).toThrow(refusal('storageFailed'));
});

describe('events of a source', () => {
  test('are in the log once: a cursor only moves on', async () => {
    const file = fileOf();
    const log = await AuditLog.open(file, by);
    expect(file.cursor('store')).toBe(0);
    await log.append(plain(entriesOf(2)), { source: 'store', position: 7 });
    expect(file.cursor('store')).toBe(7);
    for (const position of [7, 3])
      await expect(log.append(plain(entriesOf(1, 2)), { source: 'store', position })).rejects.toThrow(
        refusal('storageConflict'),
      );
    expect([log.size, file.cursor('store')]).toEqual([2, 7]);
    await log.append(plain(entriesOf(1, 2)), { source: 'store', position: 8 });
    expect(log.checkpoint.root).toEqual(await rootOf(3));
  });

  test('that come again beside new entries hinder those not', async () => {
    const log = await open();
    await log.append(plain(entriesOf(1)), { source: 'store', position: 1 });
    const again = log.append(plain([utf8('again')]), { source: 'store', position: 1 });
    const other = log.append(plain(entriesOf(1, 1)));
    await expect(again).rejects.toThrow(refusal('storageConflict'));
    expect(await other).toBe(1);
    expect(log.checkpoint.root).toEqual(await rootOf(2));
    expect((await open()).size).toBe(2);
  });
});

test('a salt can be erased for good, and what was signed stays', async () => {
  const log = await open();
  const salt = new Uint8Array(16).fill(0xc3);
  const field = { pointer: '/data/name', salt, value: '"a name that is to be forgotten"' };
  await log.append([{ bytes: utf8('entry 0'), salted: [field] }, ...plain(entriesOf(1, 1))]);
  expect(log.saltedFields(0)).toEqual([{ ...field, salt: Buffer.from(salt) }]);
  expect(log.saltedFields(1)).toEqual([]);
  const { root } = log.checkpoint;
  const bytesOf = () => ['', '-wal'].map((end) => readFileSync(path + end, 'latin1')).join('');
  expect(bytesOf()).toContain('to be forgotten');
  expect(log.eraseField(0, '/data/name')).toBe(true);
  expect(log.eraseField(0, '/data/name')).toBe(false);
  expect(bytesOf()).not.toContain('to be forgotten');
  expect(log.saltedFields(0)).toEqual([]);
  expect((await open()).checkpoint.root).toEqual(root);
});

test('two processes do not write one log: the one that comes later is refused', async () => {
  const [first, second] = [await open(), await open()];
  await first.append(plain(entriesOf(1)));
  await expect(second.append(plain(entriesOf(1)))).rejects.toThrow(refusal('storageConflict'));
  expect(await first.append(plain(entriesOf(1, 1)))).toBe(1);
});

describe('a start finds', () => {
  beforeEach(async () => {
    const log = await open();
    await log.append(plain(entriesOf(300)));
    await log.append(plain(entriesOf(3, 300)));
  });

  test('nothing wrong in what nobody changed', async () => {
    expect((await open()).checkpoint.root).toEqual(await rootOf(303));
  });

  test.each([
    ['a hash', 'UPDATE hashes SET hash = zeroblob(32) WHERE level = 0 AND place = 301'],
    ['a hash of a full tile', 'UPDATE hashes SET hash = zeroblob(32) WHERE level = 1'],
    ['a hash that is missing', 'DELETE FROM hashes WHERE level = 0 AND place = 302'],
    ['an entry of the last tile', "UPDATE entries SET entry = CAST('x' AS BLOB) WHERE place = 256"],
    ['an entry that is missing', 'DELETE FROM entries WHERE place = 302'],
    ['an entry that nobody signed', "INSERT INTO entries VALUES (303, CAST('x' AS BLOB))"],
  ])('%s', async (_, sql) => {
    tamper(sql);
    await expect(open()).rejects.toThrow(
      expect.objectContaining({ code: expect.stringMatching(/storageCorrupt|tileMalformed/) }),
    );
  });

  test('a checkpoint that was taken away, so that the log would seem shorter', async () => {
    tamper('DELETE FROM checkpoints WHERE size = 303');
    await expect(open()).rejects.toThrow(refusal('storageCorrupt'));
  });

  test('a checkpoint that was changed, or is of another key', async () => {
    await expect(open(await noteKey('hanse.example/log', 'note', 2))).rejects.toThrow(
      refusal('noteUnsigned'),
    );
    await expect(open(await noteKey('other.example/log'))).rejects.toThrow(refusal('originUnknown'));
    tamper(
      "UPDATE checkpoints SET note = replace(note, char(10) || '303' || char(10), char(10) || '302' || char(10))",
    );
    await expect(open()).rejects.toThrow(refusal('noteUnsigned'));
  });

  test('a file that is none', () => {
    path = join(folder, 'other');
    writeFileSync(path, 'no database at all, but long enough to be read as one'.repeat(40));
    expect(() => fileOf()).toThrow(refusal('storageCorrupt'));
    path = join(folder, 'newer');
    fileOf();
    tamper('INSERT INTO cursors VALUES (?, ?)', 'x', 1);
    const db = new Database(path);
    db.pragma('user_version = 3');
    db.close();
    expect(() => fileOf()).toThrow(refusal('storageCorrupt'));
  });
});

test('a file of the first version is opened, and goes on', async () => {
  const log = await open();
  await log.append(plain(entriesOf(3)));
  const db = new Database(path);
  opened.push(db);
  const chain = () => db.prepare('SELECT size, before FROM checkpoints').raw().all();
  const kept = log.note;
  const before = [
    [0, 0],
    [3, 0],
  ];
  expect(chain()).toEqual(before);
  db.exec('ALTER TABLE checkpoints DROP COLUMN before; PRAGMA user_version = 1');
  expect(fileOf({ readOnly: true }).lastCheckpoint()).toBe(kept);
  const again = await open();
  expect(chain()).toEqual(before);
  await again.append(plain(entriesOf(2)));
  expect(chain()).toEqual([...before, [5, 3]]);
});

test('tiles that the log does not have are refused by name', async () => {
  const log = await open();
  await log.append(plain(entriesOf(3)));
  expect(await log.tile({ level: 0, index: 0, width: 3 })).toHaveLength(96);
  // A part of it serves checkpoints that were smaller.
  expect(await log.tile({ level: 0, index: 0, width: 2 })).toHaveLength(64);
  for (const tile of [
    { level: 0, index: 0, width: 4 },
    { level: 0, index: 1, width: 1 },
    { level: 1, index: 0, width: 1 },
    { level: 'entries', index: 0, width: 256 },
  ] as const)
    await expect(log.tile(tile)).rejects.toThrow(refusal('tileUnknown'));
});

test('entries that are too many, too large or none are a defect of the caller', async () => {
  const log = await open();
  expect(() => log.append([])).toThrow(RangeError);
  expect(() => log.append(plain([new Uint8Array(65_536)]))).toThrow(RangeError);
  expect(() => log.append(Array(8193).fill({ bytes: utf8('x') }))).toThrow(RangeError);
  expect(await log.append(plain([new Uint8Array(65_535)]))).toBe(0);
});
