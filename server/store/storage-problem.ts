/**
 * What SQLite and the operating system say when storage fails, as problems.
 *
 * SQLite: result codes, https://www.sqlite.org/rescode.html. Operating system: errno(3).
 */
import { HanseError } from '../../protocol/problem.ts';

const FULL = new Set([
  'SQLITE_FULL',
  'SQLITE_IOERR_SHMSIZE', // no room for the index of the write-ahead log
  'ENOSPC',
  'EDQUOT',
]);

/**
 * Makes an error of a database or file call into a problem; a problem stays what it is.
 *
 * @param path what was being read or written, for the operator
 */
export function storageProblem(path: string, error: unknown): HanseError {
  if (error instanceof HanseError) return error;
  const code = codeOf(error);
  const reason = error instanceof Error ? error.message : String(error);
  if (FULL.has(code)) return new HanseError('storageFull', { path }, { cause: error });
  if (code.startsWith('SQLITE_CORRUPT') || code === 'SQLITE_NOTADB')
    return new HanseError('storageCorrupt', { path, reason }, { cause: error });
  return new HanseError('storageFailed', { path, reason }, { cause: error });
}

/** Whether the medium itself failed, so that not even what was written earlier can be relied on. */
export function isMediumFailure(error: unknown): boolean {
  const code = codeOf(error);
  return code.startsWith('SQLITE_IOERR') && !FULL.has(code);
}

function codeOf(error: unknown): string {
  return error instanceof Error && 'code' in error ? String(error.code) : '';
}
