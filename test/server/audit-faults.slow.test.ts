// covers: server/store/audit-file.ts
/**
 * A table of faults of the audit log and of the store whose events it tells of: each statement that writes fails, once before it has
 * had an effect, and once after it has had it. Afterwards both are opened anew from their files: no gap, no duplicate, no fork.
 * `test/e2e/audit-kill.test.ts` kills processes.
 */
import { cpSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import Database from 'better-sqlite3';
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';
import { primitives } from '#primitives';
import { readCheckpoint } from '../../protocol/audit/checkpoint.ts';
import { utf8 } from '../../protocol/bytes.ts';
import { isConsistent } from '../../protocol/merkle-consistency.ts';
import { isProblem } from '../../protocol/problem.ts';
import { AuditLog } from '../../server/audit-log.ts';
import { AuditSequencer } from '../../server/audit-sequencer.ts';
import { AuditFile } from '../../server/store/audit-file.ts';
import { openSqliteStore } from '../../server/store/sqlite-store.ts';
import { noteKey } from '../protocol/audit/notes.ts';

const by = await noteKey('hanse.example/log');
/** So many are there before: what follows fills a tile, and hashes of two levels are written. */
const BEFORE = 255;
const STREAM = 'job/job-0123456789abcdef';
const WRITES = /^(BEGIN|COMMIT|insert|INSERT)/;

type How = 'failed' | 'failed but persisted';
interface Fault {
  /** Of the statements that write, from 1 on. */
  readonly at: number;
  readonly how: How;
}

/** In the place of each statement of the process, as its prototype is that of all. */
const probe = new Database(':memory:');
const statements = Object.getPrototypeOf(probe.prepare('SELECT 1')) as {
  run(this: Database.Statement, ...values: unknown[]): unknown;
};
probe.close();
const { run } = statements;
let fault: Fault | undefined;
let written: string[] = [];

function failing(this: Database.Statement, ...values: unknown[]): unknown {
  if (!WRITES.test(this.source)) return run.apply(this, values);
  written.push(this.source);
  const isNow = written.length === fault?.at;
  const result = isNow && fault?.how === 'failed' ? undefined : run.apply(this, values);
  if (isNow) throw new Database.SqliteError('planted', 'SQLITE_IOERR_FSYNC');
  return result;
}

let base: string;
let folder: string;
beforeAll(async () => {
  base = mkdtempSync(join(tmpdir(), 'hanse-faults-'));
  folder = base;
  const first = await begun();
  await first.store.append(STREAM, 0, eventsOf(BEFORE), new Date(0));
  await first.sequencer.catchUp();
  await first.close();
});
afterEach(() => {
  statements.run = run;
  if (folder !== base) rmSync(folder, { recursive: true, force: true });
});
afterAll(() => rmSync(base, { recursive: true }));

const eventsOf = (count: number) => Array.from({ length: count }, () => ({ type: 'x', version: 1, data: 1 }));

async function begun() {
  const store = openSqliteStore(join(folder, 'hanse.sqlite'));
  const file = new AuditFile(join(folder, 'audit.sqlite'));
  const close = async () => {
    await store.close();
    file.close();
  };
  try {
    const log = await AuditLog.open(file, by);
    const salted = { pointer: '/data/x', salt: new Uint8Array(16), value: '1' };
    const entriesOf = async ({ sequence }: { sequence: number }) => [
      { bytes: utf8(`event ${sequence}`), salted: sequence % 2 === 0 ? [salted] : [] },
    ];
    return { store, file, log, sequencer: new AuditSequencer({ store, log, entriesOf }), close };
  } catch (error) {
    await close();
    throw error;
  }
}

/** What was acknowledged: lengths of the store and of the log, and checkpoints that others may have seen. */
interface Told {
  stored: number;
  logged: number;
  readonly notes: string[];
}

/** Undefined where it has failed as a medium does. */
async function attempt<Result>(work: () => Promise<Result>): Promise<Result | undefined> {
  try {
    return await work();
  } catch (error) {
    if (isProblem(error, 'storageFailed') || isProblem(error, 'storageConflict')) return undefined;
    throw error;
  }
}

/** Two appends of two events, each logged; what fails is tried once more, as a caller would. Never rejects. */
async function live(told: Told): Promise<void> {
  const begin = await attempt(begun);
  if (!begin) return; // a start that fails does nothing
  const { store, log, sequencer, close } = begin;
  told.notes.push(log.note);
  for (let turn = 0; turn < 2; turn += 1) {
    for (let again = 0; again < 2; again += 1)
      await attempt(async () => {
        const { length = 0 } = (await store.streams('job/'))[0] ?? {};
        if (length >= BEFORE + 2 * (turn + 1)) return;
        await store.append(STREAM, length, eventsOf(2), new Date(0));
        told.stored = length + 2;
      });
    for (let again = 0; again < 2; again += 1)
      await attempt(async () => {
        await sequencer.catchUp();
        told.logged = log.size;
        told.notes.push(log.note);
      });
  }
  await close();
}

/** What does not hold of what the files have. */
async function judge({ stored, logged, notes }: Told): Promise<string[]> {
  const { store, file, log, sequencer, close } = await begun();
  const faults: string[] = [];
  try {
    const events = await store.read(STREAM);
    if (events.some(({ sequence }, at) => sequence !== at + 1)) faults.push('a gap in the store');
    if (events.length < stored) faults.push('an event is lost');
    if (log.size < logged) faults.push('an entry is lost');
    for (const isWhole of [false, true]) {
      if (isWhole) await sequencer.catchUp();
      const entries = file.entries(0, 1000).map((entry) => new TextDecoder().decode(entry));
      if (entries.some((entry, at) => entry !== `event ${at + 1}`)) faults.push('a gap, or an event twice');
      if (entries.length !== log.size) faults.push('entries without a checkpoint');
      if (isWhole && entries.length !== events.length) faults.push('events without an entry');
      const { size, root } = log.checkpoint;
      for (const note of notes) {
        const old = await readCheckpoint(note, by.key);
        const proof = old.size <= size ? await log.consistencyProof(old.size, size) : [];
        const claim = { oldSize: old.size, oldRoot: old.root, size, root, proof };
        if (!(await isConsistent(primitives, claim))) faults.push('a fork');
      }
    }
  } finally {
    await close();
  }
  return faults;
}

async function fresh(): Promise<Told> {
  folder = mkdtempSync(join(tmpdir(), 'hanse-faults-'));
  cpSync(base, folder, { recursive: true });
  written = [];
  statements.run = failing;
  return { stored: BEFORE, logged: BEFORE, notes: [] };
}

async function withFault(some: Fault | undefined): Promise<{ told: Told; faults: string[] }> {
  const told = await fresh();
  fault = some;
  await live(told);
  fault = undefined;
  statements.run = run;
  return { told, faults: await judge(told) };
}

test('whatever statement fails, before its effect or after it, there is no gap, no duplicate and no fork', async () => {
  const sound = await withFault(undefined);
  expect(sound.faults).toEqual([]);
  expect(sound.told).toMatchObject({ stored: BEFORE + 4, logged: BEFORE + 4 });
  const points = [...written];
  rmSync(folder, { recursive: true, force: true });
  const kinds = new Set(
    points.map((sql) => sql.toLowerCase().replace(/^(\w+( or ignore)?( into)? ?"?\w*).*/s, '$1')),
  );
  expect([...kinds].sort()).toEqual([
    ...[
      'begin',
      'begin immediate',
      'commit',
      'insert into "events',
      'insert into cursors',
      'insert into entries',
    ],
    ...['insert into hashes', 'insert into salts', 'insert or ignore into checkpoints'],
  ]);
  for (const [at, sql] of points.entries())
    for (const how of ['failed', 'failed but persisted'] as const) {
      // SQLite does not begin a transaction and say that it has not.
      if (how === 'failed but persisted' && sql.startsWith('BEGIN')) continue;
      const { faults } = await withFault({ at: at + 1, how });
      expect(faults, `${how}: ${at + 1}, ${sql}`).toEqual([]);
      rmSync(folder, { recursive: true, force: true });
    }
  folder = base;
});

test('the judge is not blind', async () => {
  const { told } = await withFault(undefined);
  const planted = async (sql: string, more: Partial<Told> = {}) => {
    const db = new Database(join(folder, 'audit.sqlite'));
    db.exec(sql);
    db.close();
    return judge({ ...told, ...more });
  };
  expect(await planted('SELECT 1')).toEqual([]);
  expect(await planted('SELECT 1', { stored: 1000, logged: 1000 })).toEqual([
    'an event is lost',
    'an entry is lost',
  ]);
  const other = await AuditLog.open(new AuditFile(join(folder, 'other.sqlite')), by);
  await other.append([{ bytes: utf8('another') }]);
  expect(await planted('SELECT 1', { notes: [other.note] })).toEqual(['a fork', 'a fork']);
  expect(await planted(`UPDATE cursors SET position = ${BEFORE}`)).toContain('a gap, or an event twice');
});
