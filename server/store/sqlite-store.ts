/**
 * The store of one server: a SQLite file in WAL mode.
 *
 * Events are written by a connection with `synchronous = FULL`: COMMIT returns after the log has been flushed. Claims
 * have a connection of their own with `synchronous = NORMAL`: COMMIT returns once the operating system has the bytes.
 * See https://www.sqlite.org/pragma.html#pragma_synchronous.
 *
 * Group commit: appends wait until the event loop has run what is ready, then share one transaction, so that one flush
 * serves all of them. If the transaction fails, each is tried again by itself and gets its own answer. SQLite calls
 * block, so no transaction is ever open while other code runs.
 *
 * Why a failed medium ends the store: after a failed flush the operating system may count pages as written that are
 * not (https://wiki.postgresql.org/wiki/Fsync_Errors), and a later flush would then confirm what is not there.
 */
import Database from 'better-sqlite3';
import { HanseError } from '../../protocol/problem.ts';
import { createPrivately } from './create-privately.ts';
import {
  afterPrefix,
  checkClaim,
  checkInteger,
  checkName,
  checkPrefix,
  type EncodedEvent,
  encodeEvents,
  encodeTime,
} from './record-form.ts';
import { migrateSqlite } from './sqlite-migrations.ts';
import { prepareClaimStatements, prepareEventStatements } from './sqlite-statements.ts';
import { isMediumFailure, storageProblem } from './storage-problem.ts';
import type { NewEvent, Store, StoredEvent, StreamLength } from './store.ts';

export interface SqliteStoreOptions {
  /** How long to wait for another process that is writing. Default 2000. */
  readonly busyTimeoutMs?: number;
  /** Greatest size of the database file, without its log; beyond it `storageFull`. Default: as the disk permits. */
  readonly limitBytes?: number;
  /**
   * Only reads, also while another process writes: what would write is `storageFailed`. The file must be there, with
   * tables of this version.
   */
  readonly readOnly?: boolean;
}

export interface SqliteStore extends Store {
  readonly file: string;
}

/** One append that waits for the next transaction. */
interface PendingAppend {
  readonly stream: string;
  readonly expectedVersion: number;
  readonly events: readonly EncodedEvent[];
  readonly at: string;
  readonly resolve: (stored: StoredEvent[]) => void;
  readonly reject: (problem: HanseError) => void;
}

/** After this many claims expired ones are removed, at most twice as many: they can never pile up. */
const CLAIMS_PER_SWEEP = 64;

/**
 * Opens the database file, creates it with mode 600 if it is not there, and brings its tables up to date.
 *
 * @throws `storageCorrupt` if the file is no database, is damaged, or was written by a newer version of Hanse
 * @throws `storageFull`, `storageFailed`
 */
export function openSqliteStore(file: string, options: SqliteStoreOptions = {}): SqliteStore {
  const connections: Database.Database[] = [];
  const { readOnly = false } = options;
  try {
    if (!readOnly) createPrivately(file);
    const connect = (synchronous: 'FULL' | 'NORMAL') => {
      const connection = new Database(file, { timeout: options.busyTimeoutMs ?? 2000, readonly: readOnly });
      connections.push(connection);
      connection.pragma(`synchronous = ${synchronous}`);
      if (options.limitBytes !== undefined) {
        const pageSize = Number(connection.pragma('page_size', { simple: true }));
        connection.pragma(`max_page_count = ${Math.max(1, Math.floor(options.limitBytes / pageSize))}`);
      }
      return connection;
    };
    const forEvents = connect('FULL');
    if (!readOnly) migrateSqlite(forEvents, file);
    return new OpenSqliteStore(file, forEvents, connect('NORMAL'));
  } catch (error) {
    for (const connection of connections) connection.close();
    throw storageProblem(file, error);
  }
}

class OpenSqliteStore implements SqliteStore {
  readonly file: string;
  readonly #connections: readonly Database.Database[];
  readonly #events: ReturnType<typeof prepareEventStatements>;
  readonly #claims: ReturnType<typeof prepareClaimStatements>;
  /** Gives one answer for each append, to be called after the commit. */
  readonly #insertBatch: (batch: readonly PendingAppend[]) => (() => void)[];
  #pending: PendingAppend[] = [];
  #claimsMade = 0;
  /** Why nothing more can be done, once that is so. */
  #ended: HanseError | undefined;

  constructor(file: string, forEvents: Database.Database, forClaims: Database.Database) {
    this.file = file;
    this.#connections = [forEvents, forClaims];
    this.#events = prepareEventStatements(forEvents);
    this.#claims = prepareClaimStatements(forClaims);
    // IMMEDIATE: nobody else can write between the check of a version and the commit.
    const transaction = forEvents.transaction((batch: readonly PendingAppend[]) =>
      batch.map((one) => this.#insert(one)),
    );
    this.#insertBatch = transaction.immediate;
  }

  async append(
    stream: string,
    expectedVersion: number,
    events: readonly NewEvent[],
    at: Date,
  ): Promise<StoredEvent[]> {
    this.#refuseIfEnded();
    checkName('stream', stream);
    checkInteger('expectedVersion', expectedVersion, 0);
    const encoded = encodeEvents(events);
    const time = encodeTime('at', at);
    return new Promise((resolve, reject) => {
      if (this.#pending.length === 0) setImmediate(() => this.#flush());
      this.#pending.push({ stream, expectedVersion, events: encoded, at: time, resolve, reject });
    });
  }

  async read(stream: string, after = 0, limit = Number.MAX_SAFE_INTEGER): Promise<StoredEvent[]> {
    this.#refuseIfEnded();
    checkName('stream', stream);
    checkInteger('after', after, 0);
    checkInteger('limit', limit, 0);
    const rows = this.#attempt(() => this.#events.read.all({ stream, after, limit }));
    return rows.map((row) => ({ ...row, data: this.#decode(row) }));
  }

  async readAll(after: number, limit: number): Promise<StoredEvent[]> {
    this.#refuseIfEnded();
    checkInteger('after', after, 0);
    checkInteger('limit', limit, 0);
    const rows = this.#attempt(() => this.#events.readAll.all({ after, limit }));
    for (const row of rows) (row as { data: unknown }).data = this.#decode(row);
    return rows;
  }

  /** Two look-ups in the index for each stream: it does not matter how long the streams are. */
  async streams(prefix: string): Promise<StreamLength[]> {
    this.#refuseIfEnded();
    checkPrefix('prefix', prefix);
    return this.#attempt(() => {
      const found: StreamLength[] = [];
      const before = afterPrefix(prefix);
      let from = prefix;
      for (;;) {
        const stream = this.#events.firstStream.get({ from, before })?.stream;
        if (stream === undefined) return found;
        found.push({ stream, length: this.#lengthOf(stream) });
        from = `${stream} `; // a space sorts before every character of a name
      }
    });
  }

  async claimOnce(scope: string, key: string, until: Date, now: Date): Promise<boolean> {
    this.#refuseIfEnded();
    const times = checkClaim(scope, key, until, now);
    return this.#attempt(() => {
      this.#claimsMade += 1;
      if (this.#claimsMade % CLAIMS_PER_SWEEP === 0)
        this.#claims.sweep.run({ now: times.now, limit: 2 * CLAIMS_PER_SWEEP });
      return this.#claims.claim.run({ scope, key, ...times }).changes === 1;
    });
  }

  async close(): Promise<void> {
    this.#flush();
    this.#ended ??= new HanseError('storageFailed', { path: this.file, reason: 'the store is closed' });
    for (const connection of this.#connections) connection.close();
  }

  #flush(): void {
    const batch = this.#pending;
    this.#pending = [];
    if (batch.length > 0) this.#commit(batch);
  }

  /** Answers each append of the batch, once the transaction has ended. */
  #commit(batch: readonly PendingAppend[]): void {
    try {
      const answers = this.#attempt(() => this.#insertBatch(batch));
      for (const answer of answers) answer();
    } catch (error) {
      const problem = storageProblem(this.file, error);
      if (batch.length > 1 && !this.#ended) for (const one of batch) this.#commit([one]);
      else for (const one of batch) one.reject(problem);
    }
  }

  /** Within a transaction. A conflict is an answer like another; only a failure of the database is thrown. */
  #insert({ stream, expectedVersion, events, at, resolve, reject }: PendingAppend): () => void {
    const length = this.#lengthOf(stream);
    if (length !== expectedVersion) {
      const conflict = new HanseError('storageConflict', { stream, expected: expectedVersion, got: length });
      return () => reject(conflict);
    }
    const stored = events.map(({ type, version, data }, i): StoredEvent => {
      const row = { stream, sequence: length + i + 1, type, version, at, data };
      const position = Number(this.#events.insert.run(row).lastInsertRowid);
      return { ...row, position, data: JSON.parse(data) };
    });
    return () => resolve(stored);
  }

  #lengthOf(stream: string): number {
    return this.#events.length.get({ stream })?.length ?? 0;
  }

  #decode(row: { stream: string; sequence: number; data: string }): unknown {
    try {
      return JSON.parse(row.data);
    } catch (error) {
      const reason = `event ${row.sequence} of ${row.stream} is not JSON`;
      throw new HanseError('storageCorrupt', { path: this.file, reason }, { cause: error });
    }
  }

  /** Runs database calls; makes what they throw into problems, and ends the store if the medium has failed. */
  #attempt<T>(work: () => T): T {
    try {
      return work();
    } catch (error) {
      const problem = storageProblem(this.file, error);
      if (isMediumFailure(error)) this.#ended ??= problem;
      throw problem;
    }
  }

  #refuseIfEnded(): void {
    if (this.#ended) throw this.#ended;
  }
}
