/**
 * An index over the entries of an audit log: for each term (`protocol/audit/query.ts`), where it occurs. SPEC.md 13.14.
 *
 * Derived data in a SQLite file of its own, which takes nothing from the log and may be deleted at any time; one that is damaged, or
 * of another log, begins anew. A transaction adds the places of some entries and moves the size, so that a kill leaves an index that
 * is merely behind. Places of a term are kept in blocks of 4096 entries, two bytes for each: what most entries have in common takes
 * no more room than a list, and two terms meet by merging lists. Values of salted fields are in here too: before they are erased it begins anew.
 */
import { rmSync } from 'node:fs';
import Database from 'better-sqlite3';
import { createPrivately } from './create-privately.ts';
import { storageProblem } from './storage-problem.ts';

const VERSION = 1;
const BLOCK = 4096;
const TABLES = `
  CREATE TABLE postings (term TEXT, block INTEGER, places BLOB NOT NULL, PRIMARY KEY (term, block)) STRICT, WITHOUT ROWID;
  CREATE TABLE blocks (block INTEGER PRIMARY KEY, low INTEGER NOT NULL, high INTEGER NOT NULL) STRICT;
  CREATE TABLE state (id INTEGER PRIMARY KEY CHECK (id = 0), size INTEGER NOT NULL, last TEXT NOT NULL) STRICT;
  INSERT INTO state VALUES (0, 0, '');
  PRAGMA user_version = ${VERSION};
`;

export interface IndexedEntry {
  readonly terms: readonly string[];
  /** Milliseconds since the epoch. */
  readonly time: number;
}

export interface IndexSearch {
  /** All of which a place has to have; none: every place has them. */
  readonly terms: readonly string[];
  /** Of blocks: those that have nothing of this span are passed over. */
  readonly since: number;
  readonly until: number;
  readonly isNewest: boolean;
  /** Begins here, and goes down or up. */
  readonly from: number;
  /** Below which all places are. */
  readonly size: number;
}

/** Of one block. */
export interface FoundPlaces {
  readonly places: readonly number[];
  /** The last place that was looked at, found or not. */
  readonly end: number;
}

export interface IndexState {
  /** Entries that are in the index. */
  readonly size: number;
  /** Of the last of them, what tells it from any other. */
  readonly last: string;
}

export class AuditIndex {
  readonly path: string;
  #connection: Database.Database;
  #statements: ReturnType<typeof prepare>;

  /** Opens the file, or begins a new one where there is none, or none that can be read. @throws storageFull, storageFailed */
  constructor(path: string) {
    this.path = path;
    this.#connection = open(path);
    this.#statements = prepare(this.#connection);
  }

  get state(): IndexState {
    return this.#attempt(() => this.#statements.state.get()) as IndexState;
  }

  /**
   * All of it, or nothing.
   * @param from place of the first of these entries, the size so far @param last of the last of them
   */
  add(from: number, entries: readonly IndexedEntry[], last: string): void {
    this.#attempt(() => this.#connection.transaction(() => this.#insert(from, entries, last)).immediate());
  }

  /** Places that have all of the terms, in order. Of a block of 4096 at a time: whoever reads them may stop at any. */
  *find(search: IndexSearch): Generator<FoundPlaces> {
    const { isNewest, from, size } = search;
    if (size === 0 || from < 0 || from >= size) return;
    const step = isNewest ? -1 : 1;
    let block: number | undefined = Math.floor(from / BLOCK);
    for (;;) {
      block = this.#blockWithAll(search, block);
      if (block === undefined || block * BLOCK >= size) return;
      const places = this.#inBlock(search, block);
      yield isNewest
        ? { places: places.reverse(), end: block * BLOCK }
        : { places, end: Math.min(size, (block + 1) * BLOCK) - 1 };
      block += step;
      if (block < 0) return;
    }
  }

  /** Begins anew with nothing, and writes over what there was. @throws storageFull, storageFailed */
  erase(): void {
    this.#attempt(() => {
      this.#statements.empty.run();
      this.#connection.pragma('wal_checkpoint(TRUNCATE)');
    });
    this.clear();
  }

  /** Begins anew with nothing. */
  clear(): void {
    this.#connection.close();
    remove(this.path);
    this.#connection = open(this.path);
    this.#statements = prepare(this.#connection);
  }

  close(): void {
    this.#connection.close();
  }

  #insert(from: number, entries: readonly IndexedEntry[], last: string): void {
    const added = new Map<number, Map<string, number[]>>();
    for (const [at, { terms, time }] of entries.entries()) {
      const [block, offset] = [Math.floor((from + at) / BLOCK), (from + at) % BLOCK];
      this.#statements.span.run({ block, time });
      const ofBlock = added.get(block) ?? new Map<string, number[]>();
      added.set(block, ofBlock);
      for (const term of terms) {
        const places = ofBlock.get(term);
        if (places) places.push(offset);
        else ofBlock.set(term, [offset]);
      }
    }
    for (const [block, terms] of added)
      for (const [term, places] of terms) {
        const before = block * BLOCK < from ? this.#places(term, block) : undefined;
        this.#statements.put.run(term, block, bytesOf(before ? [...before, ...places] : places));
      }
    this.#statements.move.run(from + entries.length, last);
  }

  /** The next block, this one included, in which each term occurs and that has something of the span of time. */
  #blockWithAll({ terms, since, until, isNewest }: IndexSearch, from: number): number | undefined {
    const { below, above, spanBelow, spanAbove } = this.#statements;
    const span = {
      since: Math.max(since, Number.MIN_SAFE_INTEGER),
      until: Math.min(until, Number.MAX_SAFE_INTEGER),
    };
    const seek = isNewest ? below : above;
    const seekSpan = isNewest ? spanBelow : spanAbove;
    let block: number | undefined = from;
    for (let agreed = 0; agreed <= terms.length; ) {
      const at: number = block;
      // The first one is the span; each has to agree with the block that the others have come to.
      block = this.#attempt(() =>
        agreed === 0 ? seekSpan.get({ block: at, ...span }) : seek.get(terms[agreed - 1], at),
      ) as number | undefined;
      if (block === undefined) return undefined;
      agreed = block === at ? agreed + 1 : 0;
    }
    return block;
  }

  #inBlock({ terms, isNewest, from, size }: IndexSearch, block: number): number[] {
    const [first, ...more] = terms;
    let offsets: number[] =
      first === undefined
        ? Array.from({ length: Math.min(BLOCK, size - block * BLOCK) }, (_, at) => at)
        : [...(this.#places(first, block) ?? [])];
    for (const term of more) {
      const others = new Set(this.#places(term, block) ?? []);
      offsets = offsets.filter((offset) => others.has(offset));
    }
    return offsets
      .map((offset) => block * BLOCK + offset)
      .filter((place) => place < size && (isNewest ? place <= from : place >= from));
  }

  #places(term: string, block: number): readonly number[] | undefined {
    const bytes = this.#attempt(() => this.#statements.get.get(term, block)) as Buffer | undefined;
    if (!bytes) return undefined;
    return Array.from({ length: bytes.length >> 1 }, (_, at) => bytes.readUInt16LE(2 * at));
  }

  #attempt<T>(work: () => T): T {
    try {
      return work();
    } catch (error) {
      throw storageProblem(this.path, error);
    }
  }
}

function bytesOf(places: readonly number[]): Buffer {
  const bytes = Buffer.alloc(2 * places.length);
  for (const [at, place] of places.entries()) bytes.writeUInt16LE(place, 2 * at);
  return bytes;
}

/** One that cannot be read is none. */
function open(path: string): Database.Database {
  const known = tryOpen(path);
  if (known) return known;
  remove(path);
  const fresh = tryOpen(path);
  if (!fresh) throw storageProblem(path, new Error('it cannot be made'));
  return fresh;
}

function tryOpen(path: string): Database.Database | undefined {
  let connection: Database.Database | undefined;
  try {
    createPrivately(path);
    connection = new Database(path);
    connection.pragma('journal_mode = WAL');
    connection.pragma('synchronous = NORMAL');
    connection.pragma('secure_delete = ON');
    connection.pragma('cache_size = -32768');
    const version = connection.pragma('user_version', { simple: true });
    const isNew =
      version === 0 && connection.prepare('SELECT count(*) FROM sqlite_schema').pluck().get() === 0;
    if (isNew) connection.transaction(() => connection?.exec(TABLES))();
    else if (version !== VERSION) throw new Database.SqliteError('of another version', 'SQLITE_NOTADB');
    prepare(connection); // each table is there
    return connection;
  } catch (error) {
    connection?.close();
    const { code } = storageProblem(path, error);
    if (code === 'storageCorrupt') return undefined;
    if (error instanceof Database.SqliteError && error.code === 'SQLITE_ERROR') return undefined;
    throw storageProblem(path, error);
  }
}

function remove(path: string): void {
  for (const suffix of ['', '-wal', '-shm']) rmSync(`${path}${suffix}`, { force: true });
}

function prepare(connection: Database.Database) {
  const one = (sql: string) => connection.prepare(sql).pluck();
  return {
    state: connection.prepare('SELECT size, last FROM state'),
    move: connection.prepare('UPDATE state SET size = ?, last = ?'),
    get: one('SELECT places FROM postings WHERE term = ? AND block = ?'),
    put: connection.prepare('INSERT OR REPLACE INTO postings VALUES (?, ?, ?)'),
    empty: connection.prepare('DELETE FROM postings'),
    below: one('SELECT block FROM postings WHERE term = ? AND block <= ? ORDER BY block DESC LIMIT 1'),
    above: one('SELECT block FROM postings WHERE term = ? AND block >= ? ORDER BY block LIMIT 1'),
    spanBelow: one(
      'SELECT block FROM blocks WHERE block <= :block AND high >= :since AND low < :until ORDER BY block DESC LIMIT 1',
    ),
    spanAbove: one(
      'SELECT block FROM blocks WHERE block >= :block AND high >= :since AND low < :until ORDER BY block LIMIT 1',
    ),
    span: connection.prepare(
      'INSERT INTO blocks VALUES (:block, :time, :time) ON CONFLICT (block) DO UPDATE SET low = min(low, :time), high = max(high, :time)',
    ),
  };
}
