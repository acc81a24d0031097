/**
 * A lock that one process holds on a file and that ends with the process, however it ends.
 *
 * Node has no file locks of its own; SQLite has (https://www.sqlite.org/lockingv3.html), and the kernel takes them from
 * a dead process. So no lock is ever stale: nothing has to guess from a process id, which may have been given to
 * another process since, and which is always 1 in a container.
 */
import Database from 'better-sqlite3';
import { storageProblem } from './storage-problem.ts';

export interface ExclusiveLock {
  /** Idempotent. The file stays: removing it would let two processes lock two files of one name. */
  release(): void;
}

/** Of several processes that try at the same instant all may see another for a moment; one wins within this time. */
const CONTENTION_MS = 300;

/**
 * Locks `file`, which is created empty if need be and must be used for nothing else: reading it in the process that
 * holds the lock could release the lock. Returns undefined if the lock is held, in this process or another.
 *
 * @throws `storageFailed`, `storageFull`
 */
export function tryExclusiveLock(file: string): ExclusiveLock | undefined {
  let connection: Database.Database | undefined;
  try {
    connection = new Database(file, { timeout: CONTENTION_MS });
    connection.exec('BEGIN EXCLUSIVE');
    const held = connection;
    return { release: () => held.close() };
  } catch (error) {
    connection?.close();
    if (error instanceof Database.SqliteError && error.code.startsWith('SQLITE_BUSY')) return undefined;
    throw storageProblem(file, error);
  }
}
