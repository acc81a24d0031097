// covers: server/store/sqlite-store.ts, server/store/sqlite-statements.ts, server/store/sqlite-migrations.ts, server/store/schema.sqlite.ts
import { closeSync, mkdtempSync, openSync, rmSync, statSync, writeFileSync, writeSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import Database from 'better-sqlite3';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { prepareClaimStatements, prepareEventStatements } from '../../../server/store/sqlite-statements.ts';
import { openSqliteStore } from '../../../server/store/sqlite-store.ts';
import type { Store } from '../../../server/store/store.ts';
import { storeContract } from '../../contract/store.ts';

const NOON = new Date('2026-01-01T12:00:00.000Z');
const event = (data: unknown) => ({ type: 't', version: 1, data });

storeContract('SQLite', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'hanse-store-'));
  const file = join(folder, 'store.sqlite');
  let store = openSqliteStore(file);
  return {
    store,
    another: async () => openSqliteStore(file),
    reopen: async () => {
      await store.close();
      store = openSqliteStore(file);
      return store;
    },
    dispose: async () => {
      await store.close();
      rmSync(folder, { recursive: true });
    },
  };
});

describe('a SQLite file', () => {
  let folder: string;
  let file: string;
  const opened: Store[] = [];
  const open = (...args: Parameters<typeof openSqliteStore>) => {
    const store = openSqliteStore(...args);
    opened.push(store);
    return store;
  };
  const inspect = <T>(look: (db: Database.Database) => T): T => {
    const db = new Database(file);
    try {
      return look(db);
    } finally {
      db.close();
    }
  };
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'hanse-sqlite-'));
    file = join(folder, 'store.sqlite');
  });
  afterEach(async () => {
    for (const store of opened.splice(0)) await store.close();
    rmSync(folder, { recursive: true });
  });

  test('is private, in WAL mode, with strict tables', async () => {
    await open(file).append('s', 0, [event(1)], NOON);
    for (const name of ['', '-wal', '-shm']) expect(statSync(file + name).mode & 0o777).toBe(0o600);
    const [mode, tables] = inspect((db) => [
      db.pragma('journal_mode', { simple: true }),
      db.prepare("SELECT name, strict, wr FROM pragma_table_list WHERE name IN ('events', 'claims')").all(),
    ]);
    expect(mode).toBe('wal');
    expect(tables).toEqual(
      expect.arrayContaining([
        { name: 'events', strict: 1, wr: 0 },
        { name: 'claims', strict: 1, wr: 1 },
      ]),
    );
  });

  test('no statement scans a table or sorts', () => {
    open(file);
    inspect((db) => {
      const plan = (sql: string) => {
        const places = sql.replaceAll(/:\w+/g, '?');
        const values = Array.from(places.matchAll(/\?/g), () => 1);
        const steps = db.prepare(`EXPLAIN QUERY PLAN ${places}`).all(values) as { detail: string }[];
        return steps.map((step) => step.detail).join('; ');
      };
      const slow = /SCAN|TEMP B-TREE/;
      expect(plan('SELECT * FROM events WHERE data = ?')).toMatch(slow);
      const statements = { ...prepareEventStatements(db), ...prepareClaimStatements(db) };
      for (const [name, statement] of Object.entries(statements))
        expect(plan('source' in statement ? statement.source : statement.getQuery().sql), name).not.toMatch(
          slow,
        );
    });
  });

  test('sweeping is bounded and keeps the table small', async () => {
    const store = open(file);
    const at = (ms: number) => new Date(NOON.getTime() + ms);
    const count = () => inspect((db) => db.prepare('SELECT count(*) FROM claims').pluck().get() as number);
    // 2000 claims that live 100 ms, one per millisecond: about 100 are alive at any time.
    for (let i = 0; i < 2000; i += 1) await store.claimOnce('n', `${i}`, at(i + 100), at(i));
    expect(count()).toBeGreaterThanOrEqual(100);
    expect(count()).toBeLessThanOrEqual(100 + 64);
  });

  test('of a newer version is refused and left alone; of this version it opens', async () => {
    await open(file).append('s', 0, [event(1)], NOON);
    const setNewest = (shift: number) =>
      inspect((db) => db.prepare('UPDATE migrations SET created_at = created_at + ?').run(shift));
    setNewest(1);
    expect(() => open(file)).toThrow(expect.objectContaining({ code: 'storageCorrupt' }));
    setNewest(-1);
    expect(await open(file).read('s')).toHaveLength(1);
  });

  test('that is no database, or cannot be made, is refused', async () => {
    writeFileSync(file, 'not a database, but long enough to have a header '.repeat(50));
    expect(() => open(file)).toThrow(expect.objectContaining({ code: 'storageCorrupt' }));
    expect(() => open(join(folder, 'missing', 'store.sqlite'))).toThrow(
      expect.objectContaining({ code: 'storageFailed' }),
    );
    expect(await open(join(folder, 'other.sqlite')).streams('')).toEqual([]);
  });

  test('with a damaged page is storageCorrupt, never wrong data', async () => {
    const store = open(file);
    for (let i = 0; i < 200; i += 1) await store.append('s', i, [event('x'.repeat(500))], NOON);
    await store.close();
    expect(await open(file).read('s')).toHaveLength(200);
    await opened.at(-1)?.close();
    const pages = Math.floor(statSync(file).size / 4096);
    const content = Buffer.alloc(4096 * (pages - 1), 0xff);
    const handle = openSync(file, 'r+');
    writeSync(handle, content, 0, content.length, 4096);
    closeSync(handle);
    const readDamaged = async () => open(file).read('s');
    await expect(readDamaged()).rejects.toMatchObject({ code: 'storageCorrupt' });
  });

  test('with a record that is not JSON is storageCorrupt', async () => {
    const store = open(file);
    await store.append('s', 0, [event(1), event(2)], NOON);
    inspect((db) => db.prepare("UPDATE events SET data = '{' WHERE sequence = 2").run());
    expect(await store.read('s', 0, 1)).toHaveLength(1);
    await expect(store.read('s')).rejects.toMatchObject({ code: 'storageCorrupt' });
  });

  test('that is full refuses what does not fit, acknowledges nothing it lost, and goes on', async () => {
    const store = open(file, { limitBytes: 128 * 1024 });
    const large = event('x'.repeat(10_000));
    let length = 0;
    const fill = async () => {
      for (;;) {
        await store.append('s', length, [large], NOON);
        length += 1;
      }
    };
    await expect(fill()).rejects.toMatchObject({ code: 'storageFull', detail: { path: file } });
    expect(length).toBeGreaterThan(3);
    // Issued together with one that cannot fit, a small one still succeeds.
    const [tooLarge, small] = await Promise.allSettled([
      store.append('s', length, [large, large], NOON),
      store.append('t', 0, [event(1)], NOON),
    ]);
    expect(tooLarge).toMatchObject({ status: 'rejected', reason: { code: 'storageFull' } });
    expect(small.status).toBe('fulfilled');
    expect(await store.read('s')).toHaveLength(length);
    await store.close();
    const roomier = open(file);
    expect(await roomier.read('s')).toHaveLength(length);
    expect(await roomier.append('s', length, [large, large], NOON)).toHaveLength(2);
  });

  test('is read while another has it open, by one that cannot write', async () => {
    expect(() => open(file, { readOnly: true })).toThrow(expect.objectContaining({ code: 'storageFailed' }));
    const writer = open(file);
    await writer.append('a', 0, [event(1)], NOON);
    const reader = open(file, { readOnly: true });
    expect(await reader.read('a')).toMatchObject([{ data: 1 }]);
    await writer.append('a', 1, [event(2)], NOON);
    expect(await reader.read('a')).toMatchObject([{ data: 1 }, { data: 2 }]);
    await expect(reader.append('a', 2, [event(3)], NOON)).rejects.toMatchObject({ code: 'storageFailed' });
    await writer.append('a', 2, [event(3)], NOON);
  });

  test('that another process is writing to is waited for, then storageFailed', async () => {
    const store = open(file, { busyTimeoutMs: 1 });
    const other = new Database(file);
    other.exec('BEGIN IMMEDIATE');
    await expect(store.append('s', 0, [event(1)], NOON)).rejects.toMatchObject({ code: 'storageFailed' });
    await expect(store.claimOnce('n', 'k', new Date(NOON.getTime() + 1), NOON)).rejects.toMatchObject({
      code: 'storageFailed',
    });
    other.exec('ROLLBACK');
    other.close();
    expect(await store.append('s', 0, [event(1)], NOON)).toHaveLength(1);
  });
});
