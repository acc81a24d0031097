/**
 * The rows of an audit log as they are, for whoever checks them: with their places, so that gaps and what lies behind are seen.
 * Only reads, also while another process writes; no transaction is left open, for a reader that stays would keep erased salts in
 * the log of changes.
 */
import Database from 'better-sqlite3';
import { hashesOfLevel } from '../../protocol/audit/tile.ts';
import { HASH_BYTES } from '../../protocol/audit/tile-tree.ts';
import type { Cursor } from './audit-file.ts';
import { storageProblem } from './storage-problem.ts';

/** Levels that a log may have. */
const LEVELS = [0, 1, 2, 3, 4, 5, 6];

export interface PlacedEntry {
  readonly place: number;
  readonly entry: Uint8Array;
}

export interface PlacedHash {
  readonly place: number;
  /** In hex. */
  readonly hash: string;
}

export interface PlacedSalt {
  readonly place: number;
  readonly pointer: string;
  /** In hex. */
  readonly salt: string;
  readonly value: string;
}

export interface PlacedNote {
  /** Under which it is kept. */
  readonly size: number;
  readonly note: string;
  /** Of the checkpoint before it, of the first one its own. Null in a file that was not opened by a newer version yet. */
  readonly before: number | null;
}

/** Something that lies where a log of this size has nothing. */
export interface Stray {
  readonly what: 'entry' | 'hash' | 'salt';
  readonly place: number;
  readonly level?: number;
}

/** Of one moment. */
export interface RowsHead {
  readonly last: Omit<PlacedNote, 'before'> | undefined;
  readonly cursors: readonly Cursor[];
  /** The first of each kind. */
  readonly strays: readonly Stray[];
}

export class AuditRows {
  readonly #path: string;
  readonly #connection: Database.Database;
  readonly #statements: ReturnType<typeof prepare>;
  readonly #head: () => RowsHead;

  /** @param path of an audit log that `AuditFile` has opened. @throws storageCorrupt, storageFailed */
  constructor(path: string) {
    this.#path = path;
    let connection: Database.Database | undefined;
    try {
      connection = new Database(path, { readonly: true });
      this.#statements = prepare(connection);
    } catch (error) {
      connection?.close();
      throw storageProblem(path, error);
    }
    this.#connection = connection;
    this.#head = connection.transaction(() => this.#readHead());
  }

  head(): RowsHead {
    return this.#attempt(() => this.#head());
  }

  /** Those at `count` places from a place on. */
  entries(from: number, count: number): PlacedEntry[] {
    return this.#attempt(() => this.#statements.entries.all(from, from + count)) as PlacedEntry[];
  }

  /** As text, where there are so many; what is no UTF-8 has U+FFFD in the place of it. Bytes take twice as long. */
  entryTexts(from: number, count: number): string[] | undefined {
    const found = this.#attempt(() => this.#statements.entryTexts.all(from, from + count)) as string[];
    return found.length === count ? found : undefined;
  }

  /** The hashes of level 0 at these places in hex, one after the other; undefined where they are not all there, or not all hashes. */
  hashText(from: number, count: number): string | undefined {
    const { hashes, least, most, text } = this.#attempt(() =>
      this.#statements.hashText.get(from, from + count),
    ) as Record<'hashes' | 'least' | 'most', number> & { readonly text: string };
    return hashes === count && least === HASH_BYTES && most === HASH_BYTES ? text : undefined;
  }

  hashes(level: number, from: number, count: number): PlacedHash[] {
    return this.#attempt(() => this.#statements.hashes.all(level, from, from + count)) as PlacedHash[];
  }

  salts(from: number, count: number): PlacedSalt[] {
    return this.#attempt(() => this.#statements.salts.all(from, from + count)) as PlacedSalt[];
  }

  /** Up to `limit` checkpoints of sizes from this one on. */
  checkpoints(from: number, limit: number): PlacedNote[] {
    return this.#attempt(() => this.#statements.checkpoints.all(from, limit)) as PlacedNote[];
  }

  close(): void {
    this.#connection.close();
  }

  #readHead(): RowsHead {
    const { last, cursors } = this.#statements;
    const head = last.get() as RowsHead['last'];
    return {
      last: head,
      cursors: cursors.all() as Cursor[],
      strays: this.#strays(Math.max(0, head?.size ?? 0)),
    };
  }

  #strays(size: number): Stray[] {
    const { strayEntry, strayHash, straySalt, strayLevel } = this.#statements;
    const entry = strayEntry.get(size) as { place: number } | undefined;
    const salt = straySalt.get(size) as { place: number } | undefined;
    const hashes = [
      ...LEVELS.map((level) => strayHash.get(level, hashesOfLevel(size, level))),
      strayLevel.get(LEVELS.length),
    ] as ({ level: number; place: number } | undefined)[];
    return [
      ...(entry ? [{ what: 'entry', ...entry } as const] : []),
      ...hashes.flatMap((hash) => (hash ? [{ what: 'hash', ...hash } as const] : [])),
      ...(salt ? [{ what: 'salt', ...salt } as const] : []),
    ];
  }

  #attempt<T>(work: () => T): T {
    try {
      return work();
    } catch (error) {
      throw storageProblem(this.#path, error);
    }
  }
}

function prepare(connection: Database.Database) {
  const before = Number(connection.pragma('user_version', { simple: true })) < 2 ? 'NULL' : 'before';
  return {
    last: connection.prepare('SELECT size, note FROM checkpoints ORDER BY size DESC LIMIT 1'),
    cursors: connection.prepare('SELECT source, position FROM cursors ORDER BY source'),
    checkpoints: connection.prepare(
      `SELECT size, note, ${before} AS before FROM checkpoints WHERE size >= ? ORDER BY size LIMIT ?`,
    ),
    entries: connection.prepare(
      'SELECT place, entry FROM entries WHERE place >= ? AND place < ? ORDER BY place',
    ),
    entryTexts: connection
      .prepare('SELECT CAST(entry AS TEXT) FROM entries WHERE place >= ? AND place < ? ORDER BY place')
      .pluck(),
    hashes: connection.prepare(
      'SELECT place, lower(hex(hash)) AS hash FROM hashes WHERE level = ? AND place >= ? AND place < ? ORDER BY place',
    ),
    // Rows take four times as long.
    hashText: connection.prepare(`
      SELECT count(*) AS hashes, min(length(hash)) AS least, max(length(hash)) AS most,
        lower(group_concat(hex(hash), '' ORDER BY place)) AS text
      FROM hashes WHERE level = 0 AND place >= ? AND place < ?`),
    salts: connection.prepare(
      'SELECT place, pointer, lower(hex(salt)) AS salt, value FROM salts WHERE place >= ? AND place < ? ORDER BY place, pointer',
    ),
    strayEntry: connection.prepare('SELECT place FROM entries WHERE place >= ? OR place < 0 LIMIT 1'),
    strayHash: connection.prepare(
      'SELECT level, place FROM hashes WHERE level = ? AND (place >= ? OR place < 0) LIMIT 1',
    ),
    strayLevel: connection.prepare('SELECT level, place FROM hashes WHERE level >= ? OR level < 0 LIMIT 1'),
    straySalt: connection.prepare('SELECT place FROM salts WHERE place >= ? OR place < 0 LIMIT 1'),
  };
}
