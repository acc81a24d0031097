/**
 * A file for SQLite that its user alone may read: SQLite would create it readable for everyone. Its log and index files get the
 * mode of the file.
 */
import { closeSync, openSync } from 'node:fs';

/** Leaves a file that exists as it is. Throws what the operating system says. */
export function createPrivately(file: string): void {
  try {
    closeSync(openSync(file, 'wx', 0o600));
  } catch (error) {
    // Never open a file that exists: closing it again would drop the locks SQLite holds on it in this process.
    if (!(error instanceof Error && 'code' in error && error.code === 'EEXIST')) throw error;
  }
}
