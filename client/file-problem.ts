/**
 * What the operating system says when a file cannot be written, as problems: errno(3). Node only.
 */
import { HanseError } from '../protocol/problem.ts';

const FULL: ReadonlySet<string> = new Set(['ENOSPC', 'EDQUOT']);

/** Of the path or its permissions, not of the medium: another path would do. */
const OF_THE_PATH: ReadonlySet<string> = new Set([
  'EACCES',
  'EEXIST',
  'EISDIR',
  'ELOOP',
  'ENAMETOOLONG',
  'ENOENT',
  'ENOTDIR',
  'EPERM',
  'EROFS',
]);

/** `storageFull` or `storageFailed` for an error of the system; what else was thrown stays what it is. */
export function fileProblem(path: string, error: unknown): unknown {
  const code = systemCode(error);
  if (code === undefined) return error;
  if (FULL.has(code)) return new HanseError('storageFull', { path }, { cause: error });
  return new HanseError('storageFailed', { path, reason: code }, { cause: error });
}

/** Whether another path would do. */
export function isOfThePath(error: unknown): boolean {
  return OF_THE_PATH.has(systemCode(error) ?? '');
}

function systemCode(error: unknown): string | undefined {
  if (!(error instanceof Error) || !('syscall' in error) || !('code' in error)) return undefined;
  return typeof error.code === 'string' ? error.code : undefined;
}
