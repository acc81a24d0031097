/**
 * Blobs as files: `blobs/ab/cdef...`, the first two digits of the SHA-256 being the folder.
 *
 * A put writes to `blobs/temporary`, flushes the file, renames it to its name and flushes the folder: the order that
 * makes a rename durable on POSIX file systems (rename(2), fsync(2)). At every moment a name leads to whole content or
 * to none. All folders exist, and are flushed, before the first put: none has to be made durable later.
 */
import { createHash, randomUUID } from 'node:crypto';
import * as nodeFileSystem from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { HanseError } from '../../protocol/problem.ts';
import {
  type BlobStore,
  type ByteRange,
  checkByteRange,
  checkPutOptions,
  checkSha256,
  type PutOptions,
} from './blob-store.ts';
import { flushFolder } from './flush-folder.ts';
import { storageProblem } from './storage-problem.ts';

/** The file calls used here, so that a test can make each of them fail. */
export type BlobFileSystem = Pick<
  typeof nodeFileSystem,
  'mkdir' | 'open' | 'readdir' | 'readFile' | 'rename' | 'rm' | 'stat'
>;

/** A reader that takes nothing holds two of them: one that is being sent, and one that waits. */
const PIECE_BYTES = 262_144;
const FOLDERS = Array.from({ length: 256 }, (_, i) => i.toString(16).padStart(2, '0'));

/**
 * Opens the folder `root`, creates what is missing (mode 700) and removes what killed puts have left.
 * Only one process at a time may have it open; the lock of the data directory sees to that.
 *
 * @throws `storageFull`, `storageFailed`
 */
export async function openFileBlobStore(
  root: string,
  fileSystem: BlobFileSystem = nodeFileSystem,
): Promise<BlobStore> {
  const blobs = new FileBlobStore(root, fileSystem);
  await blobs.prepare();
  await blobs.sweepTemporary();
  return blobs;
}

/** Content of a folder that another process may have open; nothing is created or removed. */
export function fileBlobReader(root: string): Pick<BlobStore, 'has' | 'read' | 'stream'> {
  return new FileBlobStore(root, nodeFileSystem);
}

class FileBlobStore implements BlobStore {
  readonly #root: string;
  readonly #temporary: string;
  readonly #fs: BlobFileSystem;

  constructor(root: string, fileSystem: BlobFileSystem) {
    this.#root = root;
    this.#temporary = join(root, 'temporary');
    this.#fs = fileSystem;
  }

  async prepare(): Promise<void> {
    await this.#attempt(async () => {
      await this.#fs.mkdir(this.#temporary, { recursive: true, mode: 0o700 });
      const present = new Set(await this.#fs.readdir(this.#root));
      for (const folder of FOLDERS)
        if (!present.has(folder)) await this.#fs.mkdir(join(this.#root, folder), { mode: 0o700 });
      await flushFolder(this.#fs, this.#root);
      await flushFolder(this.#fs, dirname(this.#root));
    });
  }

  async put(
    source: AsyncIterable<Uint8Array> | Uint8Array,
    options: PutOptions,
  ): Promise<{ sha256: string; size: number }> {
    checkPutOptions(options);
    const { limitBytes, expectedSha256 } = options;
    const hash = createHash('sha256');
    let size = 0;
    const admit = (piece: Uint8Array) => {
      size += piece.length;
      if (size > limitBytes) throw new HanseError('bodyTooLarge', { limitBytes });
      hash.update(piece);
    };
    const finish = () => {
      const sha256 = hash.digest('hex');
      if (expectedSha256 !== undefined && sha256 !== expectedSha256)
        throw new HanseError('hashMismatch', { what: 'blob', expected: expectedSha256, got: sha256 });
      return sha256;
    };
    // One buffer is judged before anything is written; a stream only once it has ended.
    const isWhole = source instanceof Uint8Array;
    if (isWhole) admit(source);
    let sha256 = isWhole ? finish() : undefined;

    const temporary = join(this.#temporary, randomUUID());
    const file = await this.#attempt(() => this.#fs.open(temporary, 'wx', 0o600));
    try {
      try {
        if (isWhole) await this.#attempt(() => file.writeFile(source));
        else
          for await (const piece of source) {
            admit(piece);
            await this.#attempt(() => file.writeFile(piece));
          }
        sha256 ??= finish();
        await this.#attempt(() => file.sync());
      } finally {
        await this.#attempt(() => file.close());
      }
      const name = this.#fileOf(sha256);
      await this.#attempt(() => this.#fs.rename(temporary, name));
    } catch (error) {
      // What cannot be removed now is removed at the next start; the first failure is the one to report.
      await this.#fs.rm(temporary, { force: true }).catch(() => {});
      throw error;
    }
    await this.#attempt(() => flushFolder(this.#fs, this.#folderOf(sha256)));
    return { sha256, size };
  }

  async has(sha256: string): Promise<{ size: number } | undefined> {
    checkSha256('sha256', sha256);
    try {
      return { size: (await this.#fs.stat(this.#fileOf(sha256))).size };
    } catch (error) {
      if (isMissing(error)) return undefined;
      throw storageProblem(this.#root, error);
    }
  }

  async read(sha256: string): Promise<Uint8Array> {
    checkSha256('sha256', sha256);
    const content = await this.#find(sha256, () => this.#fs.readFile(this.#fileOf(sha256)));
    this.#verify(sha256, createHash('sha256').update(content).digest('hex'));
    return content;
  }

  async *stream(sha256: string, range?: ByteRange): AsyncIterable<Uint8Array> {
    checkSha256('sha256', sha256);
    if (range) checkByteRange(range);
    const file = await this.#find(sha256, () => this.#fs.open(this.#fileOf(sha256), 'r'));
    try {
      const hash = range ? undefined : createHash('sha256');
      const end = range?.end ?? Number.MAX_SAFE_INTEGER;
      let position = range?.start ?? 0;
      while (position < end) {
        const buffer = new Uint8Array(Math.min(PIECE_BYTES, end - position));
        const { bytesRead } = await this.#attempt(() => file.read(buffer, 0, buffer.length, position));
        if (bytesRead === 0) break;
        position += bytesRead;
        const piece = buffer.subarray(0, bytesRead);
        hash?.update(piece);
        yield piece;
      }
      if (hash) this.#verify(sha256, hash.digest('hex'));
    } finally {
      await file.close();
    }
  }

  async delete(sha256: string): Promise<void> {
    checkSha256('sha256', sha256);
    await this.#attempt(async () => {
      await this.#fs.rm(this.#fileOf(sha256), { force: true });
      await flushFolder(this.#fs, this.#folderOf(sha256));
    });
  }

  async *list(): AsyncIterable<string> {
    for (const folder of FOLDERS) {
      const names = await this.#attempt(() => this.#fs.readdir(join(this.#root, folder)));
      for (const name of names.sort()) if (/^[0-9a-f]{62}$/.test(name)) yield folder + name;
    }
  }

  async sweepTemporary(): Promise<number> {
    return this.#attempt(async () => {
      const leftovers = await this.#fs.readdir(this.#temporary);
      for (const name of leftovers) await this.#fs.rm(join(this.#temporary, name), { force: true });
      return leftovers.length;
    });
  }

  /** `sha256` has been checked: nothing but hexadecimal digits gets into a path. */
  #fileOf(sha256: string): string {
    return join(this.#folderOf(sha256), sha256.slice(2));
  }

  #folderOf(sha256: string): string {
    return join(this.#root, sha256.slice(0, 2));
  }

  #verify(sha256: string, got: string): void {
    if (got !== sha256)
      throw new HanseError('storageCorrupt', { path: this.#fileOf(sha256), reason: `it has SHA-256 ${got}` });
  }

  async #find<T>(sha256: string, work: () => Promise<T>): Promise<T> {
    try {
      return await work();
    } catch (error) {
      if (isMissing(error)) throw new HanseError('blobUnknown', { sha256 });
      throw storageProblem(this.#root, error);
    }
  }

  async #attempt<T>(work: () => Promise<T>): Promise<T> {
    try {
      return await work();
    } catch (error) {
      throw storageProblem(this.#root, error);
    }
  }
}

function isMissing(error: unknown): boolean {
  return error instanceof Error && 'code' in error && error.code === 'ENOENT';
}
