/**
 * Files of a folder that is made anew: it was not there, or empty. Paths are those of tiles, hashes, and names of our own: nothing
 * that others say becomes part of one unchecked. Node only.
 */
import { createHash } from 'node:crypto';
import { existsSync } from 'node:fs';
import { type FileHandle, mkdir, open, readdir, rename, rm } from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';
import { HanseError } from '../../protocol/problem.ts';
import { fileProblem } from '../file-problem.ts';

const PATH = /^[a-z0-9][a-z0-9.-]*(\/[a-z0-9][a-z0-9.-]*)*$/;

export class FolderWriter {
  /** Absolute. */
  readonly path: string;
  #bytes = 0;
  readonly #made = new Set<string>();

  private constructor(path: string) {
    this.path = path;
  }

  /** @throws folderNotEmpty for one that has files, or is no folder; storageFull, storageFailed */
  static async create(folder: string): Promise<FolderWriter> {
    const path = resolve(folder);
    await attempt(path, async () => {
      await mkdir(dirname(path), { recursive: true });
      await mkdir(path, { mode: 0o700 }).catch(async (error: unknown) => {
        if (!(error instanceof Error && 'code' in error && error.code === 'EEXIST')) throw error;
        const names = await readdir(path).catch(() => ['']);
        if (names.length > 0) throw new HanseError('folderNotEmpty', { folder: path }, { cause: error });
      });
    });
    return new FolderWriter(path);
  }

  /** Of all files. */
  get bytes(): number {
    return this.#bytes;
  }

  has(path: string): boolean {
    return existsSync(this.#place(path));
  }

  /** @param pieces one after the other; throws what they throw, and leaves no file then */
  async write(
    path: string,
    pieces: Iterable<Uint8Array> | AsyncIterable<Uint8Array>,
    mode = 0o666,
  ): Promise<void> {
    await this.#write(path, mode, async (file) => {
      for await (const piece of pieces) await this.#append(path, file, piece);
    });
  }

  /** Content under `content/<sha256>`, which it has to have. @throws hashMismatch, and as `write` */
  async writeContent(
    sha256: string,
    pieces: Iterable<Uint8Array> | AsyncIterable<Uint8Array>,
  ): Promise<void> {
    const path = contentPath(sha256);
    await this.#write(path, 0o666, async (file) => {
      const hash = createHash('sha256');
      for await (const piece of pieces) {
        hash.update(piece);
        await this.#append(path, file, piece);
      }
      const got = hash.digest('hex');
      if (got !== sha256) throw new HanseError('hashMismatch', { what: path, expected: sha256, got });
    });
  }

  async #append(path: string, file: FileHandle, piece: Uint8Array): Promise<void> {
    await attempt(this.#place(path), () => file.writeFile(piece));
    this.#bytes += piece.length;
  }

  /** Under another name first: no name stands for a part of what it names. */
  async #write(path: string, mode: number, fill: (file: FileHandle) => Promise<void>): Promise<void> {
    const place = this.#place(path);
    const beside = `${place}~`;
    const before = this.#bytes;
    const folder = dirname(place);
    if (!this.#made.has(folder)) await attempt(folder, () => mkdir(folder, { recursive: true }));
    this.#made.add(folder);
    const file = await attempt(place, () => open(beside, 'wx', mode));
    try {
      await fill(file).finally(() => file.close());
      await attempt(place, () => rename(beside, place));
    } catch (error) {
      this.#bytes = before;
      await rm(beside, { force: true }).catch(() => {}); // the first failure is the one to report
      throw error;
    }
  }

  #place(path: string): string {
    if (!PATH.test(path)) throw new RangeError(`${path} is no path of an exported folder`);
    return join(this.path, path);
  }
}

/** Throws RangeError for what is no hash: it becomes a path. */
export function contentPath(sha256: string): string {
  if (!/^[0-9a-f]{64}$/.test(sha256)) throw new RangeError('no SHA-256 in hex');
  return `content/${sha256}`;
}

async function attempt<T>(path: string, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    throw fileProblem(path, error);
  }
}
