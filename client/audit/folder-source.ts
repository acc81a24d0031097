/**
 * An exported log as a folder of files: SPEC.md 13.8. Whoever made it may be hostile: no link is followed, nothing is read that is
 * no plain file, and nothing that is larger than it may be. Node only.
 */
import { createHash } from 'node:crypto';
import { constants, type Stats } from 'node:fs';
import { type FileHandle, lstat, open, opendir } from 'node:fs/promises';
import { join } from 'node:path';
import { ENTRY_BYTES_MAX } from '../../protocol/audit/entry-bundle.ts';
import type { LogSource } from '../../protocol/audit/log-source.ts';
import { parseTilePath, TILE_WIDTH, type Tile, tilePath } from '../../protocol/audit/tile.ts';
import { HASH_BYTES } from '../../protocol/audit/tile-tree.ts';
import { HanseError, isProblem } from '../../protocol/problem.ts';
import { fileProblem } from '../file-problem.ts';
import { jsonLines } from '../json-lines.ts';

/** Of checkpoint, key and policy. */
const TEXT_BYTES_MAX = 1 << 20;
const TEXTS = ['checkpoint', 'log.vkey', 'witness-policy'] as const;
const SALTS = 'salts.jsonl';
const CONTENT = /^content\/([0-9a-f]{64})$/;
/** Folders below each other that tiles of the largest log have. */
const DEPTH_MAX = 10;
const CHUNK_BYTES = 1 << 20;
/** Of a line of salts: a cohort of ten thousand is one value. */
const LINE_BYTES_MAX = 1 << 20;

export class FolderSource implements LogSource {
  readonly path: string;
  /** Content whose hash somebody else compares. */
  readonly #asked = new Set<string>();
  /** Folders that are folders. */
  readonly #folders = new Set<string>();

  private constructor(path: string) {
    this.path = path;
  }

  /** @throws dataFileMissing if there is no such folder */
  static async open(path: string): Promise<FolderSource> {
    const found = await statOf(path);
    if (!found) throw new HanseError('dataFileMissing', { file: path });
    const folder = new FolderSource(path);
    if (!(await folder.text('checkpoint'))) throw malformed('checkpoint', 'it is not there');
    return folder;
  }

  async checkpoint(): Promise<string> {
    return (await this.text('checkpoint')) ?? '';
  }

  /** Undefined where it is not there. @throws exportMalformed for what is no UTF-8 */
  async text(name: (typeof TEXTS)[number]): Promise<string | undefined> {
    const bytes = await this.#read(name, TEXT_BYTES_MAX);
    try {
      return bytes && new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes);
    } catch {
      throw malformed(name, 'it is no UTF-8');
    }
  }

  async tile(tile: Tile): Promise<Uint8Array> {
    const path = tilePath(tile);
    const width = tile.level === 'entries' ? 2 + ENTRY_BYTES_MAX : HASH_BYTES;
    const bytes = await this.#read(path, width * TILE_WIDTH);
    if (!bytes) throw new HanseError('tileMalformed', { tile: path, reason: 'it is not there' });
    return bytes;
  }

  content(sha256: string, limitBytes: number): Promise<Uint8Array | undefined> {
    if (!/^[0-9a-f]{64}$/.test(sha256)) throw new RangeError('no name of content');
    this.#asked.add(sha256);
    return this.#read(`content/${sha256}`, limitBytes);
  }

  /** None where there is no such file. */
  async *salts(): AsyncGenerator<unknown> {
    const file = await this.#open(SALTS);
    if (!file) return;
    try {
      yield* jsonLines(chunksOf(file), LINE_BYTES_MAX);
    } finally {
      await file.close();
    }
  }

  /**
   * What does not belong in the folder, and content that nobody has asked for and that is not the one of its name.
   * @throws storageFailed
   */
  async *strays(): AsyncGenerator<HanseError> {
    for await (const path of this.#files('', 0)) {
      if (path instanceof HanseError) {
        yield path;
        continue;
      }
      const [, sha256] = CONTENT.exec(path) ?? [];
      if (sha256 !== undefined) {
        if (this.#asked.has(sha256)) continue;
        const got = await this.#hash(path);
        if (got !== sha256) yield new HanseError('hashMismatch', { what: 'content', expected: sha256, got });
      } else if (!isKnown(path)) yield malformed(path, 'nothing of that name belongs there');
    }
  }

  /** Paths of plain files, and problems of whatever else there is. */
  async *#files(below: string, depth: number): AsyncGenerator<string | HanseError> {
    for await (const entry of await opendir(join(this.path, below))) {
      const path = below === '' ? entry.name : `${below}/${entry.name}`;
      if (entry.isFile()) yield path;
      else if (entry.isDirectory() && depth < DEPTH_MAX) yield* this.#files(path, depth + 1);
      else yield malformed(path, 'it is neither a file nor a folder');
    }
  }

  /** Undefined where it is not there. */
  async #read(path: string, limitBytes: number): Promise<Uint8Array | undefined> {
    const file = await this.#open(path);
    if (!file) return undefined;
    try {
      const { size } = await file.stat();
      if (size > limitBytes) throw malformed(path, `it is larger than ${limitBytes} bytes`);
      // One byte more, by which a file that grows is known.
      const bytes = new Uint8Array(size + 1);
      let length = 0;
      for (let read = 1; read > 0 && length < bytes.length; length += read)
        read = (await file.read(bytes, length, bytes.length - length)).bytesRead;
      if (length !== size) throw malformed(path, 'it changes while it is read');
      return bytes.subarray(0, size);
    } catch (error) {
      throw fileProblem(path, error);
    } finally {
      await file.close();
    }
  }

  async #hash(path: string): Promise<string> {
    const file = await this.#open(path);
    if (!file) throw malformed(path, 'it goes away while it is read');
    try {
      const hash = createHash('sha256');
      for await (const chunk of chunksOf(file)) hash.update(chunk);
      return hash.digest('hex');
    } finally {
      await file.close();
    }
  }

  /** A plain file, below folders that are folders. Undefined where it is not there. */
  async #open(path: string): Promise<FileHandle | undefined> {
    const parts = path.split('/');
    for (let depth = 1; depth < parts.length; depth += 1) {
      const folder = parts.slice(0, depth).join('/');
      if (this.#folders.has(folder)) continue;
      const found = await statOf(join(this.path, folder));
      if (!found) return undefined;
      if (!found.isDirectory()) throw malformed(folder, 'it is no folder');
      this.#folders.add(folder);
    }
    const found = await statOf(join(this.path, path));
    if (!found) return undefined;
    // Whatever else there is might block: a pipe, a device.
    if (!found.isFile()) throw malformed(path, 'it is no plain file');
    try {
      return await open(join(this.path, path), constants.O_RDONLY | (constants.O_NOFOLLOW ?? 0));
    } catch (error) {
      throw fileProblem(path, error);
    }
  }
}

/** Each valid until the next one is asked for. */
async function* chunksOf(file: FileHandle): AsyncGenerator<Uint8Array> {
  const chunk = new Uint8Array(CHUNK_BYTES);
  for (;;) {
    const { bytesRead } = await file.read(chunk, 0, chunk.length);
    if (bytesRead === 0) return;
    yield chunk.subarray(0, bytesRead);
  }
}

function isKnown(path: string): boolean {
  if (path === SALTS || TEXTS.some((name) => name === path)) return true;
  try {
    parseTilePath(path);
    return true;
  } catch (error) {
    if (isProblem(error, 'tilePathInvalid')) return false;
    throw error;
  }
}

/** Not of what a link points to. Undefined where it is not there. */
async function statOf(path: string): Promise<Stats | undefined> {
  try {
    return await lstat(path);
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'ENOENT' || code === 'ENOTDIR') return undefined;
    throw fileProblem(path, error);
  }
}

function malformed(path: string, reason: string): HanseError<'exportMalformed'> {
  return new HanseError('exportMalformed', { path: path.slice(0, 200), reason });
}
