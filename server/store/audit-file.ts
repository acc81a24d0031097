/**
 * The file of an audit log: entries, the hashes of its tiles, and the checkpoints that were signed. A SQLite file in WAL mode
 * with `synchronous = FULL`: what is committed is on the medium.
 *
 * One transaction adds entries, hashes and the checkpoint over them, so that a kill at any moment leaves a whole log. Rows are
 * added and never changed or removed, but for salts, which may be erased: `secure_delete` writes over them.
 */
import Database from 'better-sqlite3';
import type { TileHash } from '../../protocol/audit/growing-tree.ts';
import type { SaltedField } from '../../protocol/audit/salted-field.ts';
import { HASH_BYTES } from '../../protocol/audit/tile-tree.ts';
import { HanseError } from '../../protocol/problem.ts';
import { createPrivately } from './create-privately.ts';
import { storageProblem } from './storage-problem.ts';

/** Of the tables below. */
const VERSION = 2;
const TABLES = `
  CREATE TABLE entries (place INTEGER PRIMARY KEY, entry BLOB NOT NULL) STRICT;
  CREATE TABLE hashes (level INTEGER, place INTEGER, hash BLOB NOT NULL, PRIMARY KEY (level, place)) STRICT, WITHOUT ROWID;
  CREATE TABLE checkpoints (size INTEGER PRIMARY KEY, note TEXT NOT NULL, before INTEGER NOT NULL DEFAULT 0) STRICT;
  CREATE TABLE salts (place INTEGER, pointer TEXT, salt BLOB NOT NULL, value TEXT NOT NULL, PRIMARY KEY (place, pointer)) STRICT, WITHOUT ROWID;
  CREATE TABLE cursors (source TEXT PRIMARY KEY, position INTEGER NOT NULL) STRICT, WITHOUT ROWID;
`;

/**
 * From version 1, which did not keep with a checkpoint the size of the log before it: that of the checkpoint before it, so that one
 * which is gone is missed. Of the first one it is its own.
 */
const FROM_1 = `
  ALTER TABLE checkpoints ADD COLUMN before INTEGER NOT NULL DEFAULT 0;
  UPDATE checkpoints SET before = coalesce((SELECT max(size) FROM checkpoints AS older WHERE older.size < checkpoints.size), size);
`;

/** How far the events of a source are in the log. */
export interface Cursor {
  readonly source: string;
  /** Increasing. */
  readonly position: number;
}

/** What one transaction adds. */
export interface Growth {
  /** Of the log before it. */
  readonly before: number;
  readonly entries: readonly Uint8Array[];
  /** What is kept beside entries. */
  readonly salted: readonly (SaltedField & { readonly place: number })[];
  readonly hashes: readonly TileHash[];
  /** Over all of it, signed. */
  readonly checkpoint: string;
  readonly cursors: readonly Cursor[];
}

export interface AuditFileOptions {
  /** Only reads, also while another process writes. The file must be there. */
  readonly readOnly?: boolean;
}

export class AuditFile {
  readonly path: string;
  readonly #connection: Database.Database;
  readonly #statements: ReturnType<typeof prepare>;
  /** Undefined where the file is only read, which may be one of an older version. */
  readonly #insertCheckpoint: Database.Statement | undefined;
  readonly #grow: (growth: Growth) => void;

  /**
   * Opens the file, creates it with mode 600 if it is not there.
   * @throws storageCorrupt if it is no such file, or one of a newer version; storageFull, storageFailed
   */
  constructor(path: string, { readOnly = false }: AuditFileOptions = {}) {
    this.path = path;
    let connection: Database.Database | undefined;
    try {
      if (!readOnly) createPrivately(path);
      connection = new Database(path, { readonly: readOnly });
      connection.pragma('synchronous = FULL');
      connection.pragma('secure_delete = ON');
      if (!readOnly) connection.pragma('journal_mode = WAL');
      prepareTables(connection, path, readOnly);
      this.#statements = prepare(connection);
      // A log may sign the same size again: the note is the same.
      if (!readOnly)
        this.#insertCheckpoint = connection.prepare('INSERT OR IGNORE INTO checkpoints VALUES (?, ?, ?)');
    } catch (error) {
      connection?.close();
      throw storageProblem(path, error);
    }
    this.#connection = connection;
    this.#grow = connection.transaction((growth: Growth) => this.#insert(growth)).immediate;
  }

  /**
   * All of it, or nothing.
   * @throws storageConflict if the log is of another size, or a cursor would not move on; storageFull, storageFailed
   */
  grow(growth: Growth): void {
    this.#attempt(() => this.#grow(growth));
  }

  /** The last checkpoint, as it was signed. */
  lastCheckpoint(): string | undefined {
    return this.#attempt(() => this.#statements.lastCheckpoint.get()) as string | undefined;
  }

  /** The first checkpoint over at least so many entries. */
  checkpointOver(size: number): string | undefined {
    return this.#attempt(() => this.#statements.checkpointOver.get(size)) as string | undefined;
  }

  /** 0 before anything of the source is in the log. */
  cursor(source: string): number {
    return this.#attempt(() => (this.#statements.cursor.get(source) as number | undefined) ?? 0);
  }

  /** Up to `count` entries from a place on. */
  entries(from: number, count: number): Uint8Array[] {
    return this.#attempt(() => this.#statements.entries.all(from, from + count)) as Uint8Array[];
  }

  /** Those of an entry that were not erased. */
  saltedFields(place: number): SaltedField[] {
    return this.#attempt(() => this.#statements.salts.all(place)) as SaltedField[];
  }

  /** Those of `count` entries from a place on. */
  saltedFieldsFrom(from: number, count: number): (SaltedField & { readonly place: number })[] {
    return this.#attempt(() => this.#statements.saltsFrom.all(from, from + count)) as (SaltedField & {
      readonly place: number;
    })[];
  }

  /** True if there was one. Afterwards it is neither in the file nor in the log of its changes. */
  eraseField(place: number, pointer: string): boolean {
    return this.#attempt(() => {
      const isErased = this.#statements.eraseSalt.run(place, pointer).changes === 1;
      this.#connection.pragma('wal_checkpoint(TRUNCATE)');
      return isErased;
    });
  }

  /** Up to `count` places of entries that have salted fields which were not erased, from a place on, in their order. */
  saltedPlaces(from: number, count: number): number[] {
    return this.#attempt(() => this.#statements.saltedPlaces.all(from, count)) as number[];
  }

  /** Salted fields whose value holds this text. Reads all of them. */
  saltsHolding(text: string): { readonly place: number; readonly pointer: string }[] {
    return this.#attempt(() => this.#statements.saltsHolding.all(text)) as {
      place: number;
      pointer: string;
    }[];
  }

  /** All salts before a place; returns how many. Afterwards they are neither in the file nor in the log of its changes. */
  eraseBefore(place: number): number {
    return this.#attempt(() => {
      const { changes } = this.#statements.eraseBefore.run(place);
      this.#connection.pragma('wal_checkpoint(TRUNCATE)');
      return changes;
    });
  }

  /** Up to `count` hashes of a level from a place on, one after the other. */
  hashes(level: number, from: number, count: number): Uint8Array {
    const rows = this.#attempt(() => this.#statements.hashes.all(level, from, from + count)) as Uint8Array[];
    const bytes = new Uint8Array(rows.length * HASH_BYTES);
    for (const [at, hash] of rows.entries()) bytes.set(hash, at * HASH_BYTES);
    return bytes;
  }

  close(): void {
    this.#connection.close();
  }

  #insert({ before, entries, salted, hashes, checkpoint, cursors }: Growth): void {
    const { count, insertEntry, insertSalt, insertHash, moveCursor } = this.#statements;
    if (!this.#insertCheckpoint)
      throw new HanseError('storageFailed', { path: this.path, reason: 'it is only read' });
    const length = count.get() as number;
    if (length !== before) throw this.#conflict(before, length);
    for (const [at, entry] of entries.entries()) insertEntry.run(before + at, entry);
    for (const { place, pointer, salt, value } of salted) insertSalt.run(place, pointer, salt, value);
    for (const { level, place, hash } of hashes) insertHash.run(level, place, hash);
    this.#insertCheckpoint.run(before + entries.length, checkpoint, before);
    for (const { source, position } of cursors)
      if (moveCursor.run({ source, position }).changes === 0)
        throw this.#conflict(position, this.cursor(source));
  }

  #conflict(expected: number, got: number): HanseError {
    return new HanseError('storageConflict', { stream: this.path, expected, got });
  }

  #attempt<T>(work: () => T): T {
    try {
      return work();
    } catch (error) {
      throw storageProblem(this.path, error);
    }
  }
}

function prepareTables(connection: Database.Database, path: string, readOnly: boolean): void {
  const version = connection.pragma('user_version', { simple: true });
  const isNew = version === 0 && connection.prepare('SELECT count(*) FROM sqlite_schema').pluck().get() === 0;
  if (version === VERSION || (version === 1 && readOnly)) return;
  if (version !== 1 && (!isNew || readOnly))
    throw new HanseError('storageCorrupt', {
      path,
      reason: isNew ? 'it is empty' : 'it is no audit log, or was written by a newer version of Hanse',
    });
  connection.transaction(() => {
    connection.exec(isNew ? TABLES : FROM_1);
    connection.pragma(`user_version = ${VERSION}`);
  })();
}

function prepare(connection: Database.Database) {
  const one = (sql: string) => connection.prepare(sql).pluck();
  return {
    count: one('SELECT coalesce(max(place) + 1, 0) FROM entries'),
    insertEntry: connection.prepare('INSERT INTO entries VALUES (?, ?)'),
    insertSalt: connection.prepare('INSERT INTO salts VALUES (?, ?, ?, ?)'),
    salts: connection.prepare('SELECT pointer, salt, value FROM salts WHERE place = ? ORDER BY pointer'),
    saltsFrom: connection.prepare(
      'SELECT place, pointer, salt, value FROM salts WHERE place >= ? AND place < ? ORDER BY place, pointer',
    ),
    saltedPlaces: one('SELECT DISTINCT place FROM salts WHERE place >= ? ORDER BY place LIMIT ?'),
    saltsHolding: connection.prepare(
      'SELECT place, pointer FROM salts WHERE instr(value, ?) > 0 ORDER BY place',
    ),
    eraseBefore: connection.prepare('DELETE FROM salts WHERE place < ?'),
    eraseSalt: connection.prepare('DELETE FROM salts WHERE place = ? AND pointer = ?'),
    insertHash: connection.prepare('INSERT INTO hashes VALUES (?, ?, ?)'),
    moveCursor: connection.prepare(
      'INSERT INTO cursors VALUES (:source, :position) ON CONFLICT (source) DO UPDATE SET position = :position WHERE position < :position',
    ),
    lastCheckpoint: one('SELECT note FROM checkpoints ORDER BY size DESC LIMIT 1'),
    checkpointOver: one('SELECT note FROM checkpoints WHERE size >= ? ORDER BY size LIMIT 1'),
    cursor: one('SELECT position FROM cursors WHERE source = ?'),
    entries: one('SELECT entry FROM entries WHERE place >= ? AND place < ? ORDER BY place'),
    hashes: one('SELECT hash FROM hashes WHERE level = ? AND place >= ? AND place < ? ORDER BY place'),
  };
}
