/**
 * The folder in which a coordinator keeps everything: one process at a time, readable by its user only.
 *
 *     hanse.sqlite   events and claims (with -wal and -shm while open)
 *     audit.sqlite   the audit log over them (likewise)
 *     audit-index.sqlite  what is found in it; may be deleted (likewise)
 *     blobs/         content by its SHA-256
 *     uploads/       content that is still arriving in chunks
 *     keys/          private keys, and the id of the federation that they belong to
 *     lock           held by the process that uses the folder
 *     pid            its process id, for people
 */
import {
  closeSync,
  existsSync,
  fsyncSync,
  mkdirSync,
  openSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { HanseError } from '../protocol/problem.ts';
import { tryExclusiveLock } from './store/exclusive-lock.ts';
import { storageProblem } from './store/storage-problem.ts';

export interface DataDir {
  /** Absolute, as are the others. */
  readonly path: string;
  /** File of the SQLite store; it need not exist. */
  readonly database: string;
  /** File of the audit log; it need not exist. */
  readonly audit: string;
  /** File of the index over the log; made anew where it is not there. */
  readonly auditIndex: string;
  /** Folder of the blob store. */
  readonly blobs: string;
  /** Folder of the part store. */
  readonly uploads: string;
  /** Folder of private keys. */
  readonly keys: string;

  /**
   * Writes a file with mode 600, durably and atomically: a kill leaves the old content or the new.
   *
   * @param name file name of lower-case letters, digits, dots and hyphens; `keys/` may stand before it;
   *   not one of the names above
   * @throws `invalidFormat`, `storageFull`, `storageFailed`
   */
  writePrivateFile(name: string, bytes: Uint8Array): void;

  /** What `writePrivateFile` wrote under this name, or undefined. Throws `invalidFormat`, `storageFailed`. */
  readPrivateFile(name: string): Uint8Array | undefined;

  /** Lets another process use the folder. Close the stores first. Idempotent. */
  release(): void;
}

export interface DataDirOptions {
  /** Whether a folder that is not there, or is empty, becomes a data directory. */
  readonly create: boolean;
}

/**
 * With those above it; others may make them at the same moment. `recursive` of Node never ends in a place such as /proc, which has
 * no folders to make.
 */
function makeFolder(path: string): void {
  if (existsSync(path)) return;
  makeFolder(dirname(path));
  try {
    mkdirSync(path, { mode: 0o700 });
  } catch (error) {
    if (!(error instanceof Error && 'code' in error && error.code === 'EEXIST')) throw error;
  }
}

/** Not what the folder itself is made of: reading `lock` in this process could release the lock. */
const PRIVATE_FILE =
  /^(?!(?:lock|pid|(?:hanse|audit|audit-index)\.sqlite.*)$)(?:keys\/)?[a-z0-9][a-z0-9.-]{0,99}$/;

/**
 * Takes the folder for this process, until `release` or the end of the process.
 *
 * @throws `dataDirInUse` with the process id of the holder, or 0 while the holder has not written it yet
 * @throws `dataFileMissing` if there is no data directory and none is to be created
 * @throws `storageFull`, `storageFailed`
 */
export function openDataDir(path: string, { create }: DataDirOptions): DataDir {
  const root = resolve(path);
  const lockFile = join(root, 'lock');
  const pidFile = join(root, 'pid');
  const keys = join(root, 'keys');
  const blobs = join(root, 'blobs');
  const uploads = join(root, 'uploads');
  if (!create && !existsSync(lockFile)) throw new HanseError('dataFileMissing', { file: root });
  attempt(root, () => {
    for (const folder of [root, keys, blobs, uploads]) makeFolder(folder);
  });
  const lock = tryExclusiveLock(lockFile);
  if (!lock) throw new HanseError('dataDirInUse', { path: root, pid: readPid(pidFile) });
  const locate = (name: string) => {
    if (!PRIVATE_FILE.test(name))
      throw new HanseError('invalidFormat', { where: 'file name', expected: 'a plain name, or keys/name' });
    return join(root, name);
  };
  let isReleased = false;
  const release = () => {
    if (isReleased) return;
    isReleased = true;
    rmSync(pidFile, { force: true }); // before another process can have written its own
    lock.release();
  };
  try {
    attempt(root, () => {
      writeFileSync(pidFile, `${process.pid}\n`, { mode: 0o600 }); // first: whoever is refused reads it
      flush(root);
      flush(dirname(root));
    });
  } catch (error) {
    release();
    throw error;
  }
  return {
    path: root,
    database: join(root, 'hanse.sqlite'),
    audit: join(root, 'audit.sqlite'),
    auditIndex: join(root, 'audit-index.sqlite'),
    blobs,
    uploads,
    keys,
    writePrivateFile(name, bytes) {
      const file = locate(name);
      attempt(file, () => replaceFile(file, bytes));
    },
    readPrivateFile(name) {
      const file = locate(name);
      return attempt(file, () => (existsSync(file) ? new Uint8Array(readFileSync(file)) : undefined));
    },
    release,
  };
}

/** Write beside, flush, rename, flush the folder. The name beside holds a character no caller's name can have. */
function replaceFile(file: string, bytes: Uint8Array): void {
  const beside = `${file}~`;
  rmSync(beside, { force: true }); // left by a kill; opening it as it is would keep its mode
  const handle = openSync(beside, 'wx', 0o600);
  try {
    writeFileSync(handle, bytes);
    fsyncSync(handle);
  } finally {
    closeSync(handle);
  }
  renameSync(beside, file);
  flush(dirname(file));
}

/** Makes the entries of a folder durable. */
function flush(folder: string): void {
  const handle = openSync(folder, 'r');
  try {
    fsyncSync(handle);
  } finally {
    closeSync(handle);
  }
}

function readPid(file: string): number {
  try {
    return Number.parseInt(readFileSync(file, 'utf8'), 10) || 0;
  } catch {
    return 0;
  }
}

function attempt<T>(path: string, work: () => T): T {
  try {
    return work();
  } catch (error) {
    throw storageProblem(path, error);
  }
}
