/**
 * Parts as files: one each, of frames. The first frame is the note, every further one a chunk.
 *
 *     length     4 bytes, little-endian
 *     SHA-256    32 bytes, of the content
 *     content    length bytes
 *
 * An append writes the content, then the head before it, then flushes: until the head is there the file ends, for a
 * reader, with the frame before. After a loss of power the head may be on the medium and its content not, so the last
 * frame is hashed when the store opens, and cut off if it is not whole. Frames before it had been flushed, and
 * acknowledged, before the next was begun.
 */
import { createHash } from 'node:crypto';
import * as nodeFileSystem from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { toHex } from '../../protocol/bytes.ts';
import { checkedChunk } from './checked-chunk.ts';
import { flushFolder } from './flush-folder.ts';
import { type Chunk, checkPartName, type PartStore, type StoredPart } from './part-store.ts';
import { storageProblem } from './storage-problem.ts';

/** The file calls used here, so that a test can make each of them fail. */
export type PartFileSystem = Pick<typeof nodeFileSystem, 'mkdir' | 'open' | 'readdir' | 'rm'>;

type File = nodeFileSystem.FileHandle;

interface Frame {
  /** Where its content lies in the file. */
  readonly start: number;
  readonly length: number;
  readonly sha256: string;
}

const HEAD_BYTES = 36;
const PIECE_BYTES = 262_144;

/**
 * Opens the folder `root`, creates it if it is missing (mode 700), and removes what does not even have a whole note.
 * Only one process at a time may have it open; the lock of the data directory sees to that.
 *
 * @throws `storageFull`, `storageFailed`
 */
export async function openFilePartStore(
  root: string,
  fileSystem: PartFileSystem = nodeFileSystem,
): Promise<PartStore> {
  const parts = new FilePartStore(root, fileSystem);
  await parts.prepare();
  return parts;
}

class FilePartStore implements PartStore {
  readonly #root: string;
  readonly #fs: PartFileSystem;
  /** The frames of each part that has been begun or found. */
  readonly #frames = new Map<string, Frame[]>();

  constructor(root: string, fileSystem: PartFileSystem) {
    this.#root = root;
    this.#fs = fileSystem;
  }

  async prepare(): Promise<void> {
    await this.#attempt(async () => {
      await this.#fs.mkdir(this.#root, { recursive: true, mode: 0o700 });
      await flushFolder(this.#fs, dirname(this.#root));
      for (const name of await this.#fs.readdir(this.#root)) {
        if (!/^[0-9a-f]{32}$/.test(name)) continue; // not ours
        const frames = await this.#framesOf(name);
        if (frames.length > 0) this.#frames.set(name, frames);
        else await this.#fs.rm(join(this.#root, name), { force: true });
      }
    });
  }

  async begin(name: string, note: Uint8Array): Promise<void> {
    checkPartName(name);
    this.#frames.delete(name);
    const sha256 = createHash('sha256').update(note).digest('hex');
    await this.#open(name, 'w', (file) =>
      this.#write(file, name, { source: note, length: note.length, sha256 }),
    );
    await this.#attempt(() => flushFolder(this.#fs, this.#root));
  }

  async append(name: string, chunk: Chunk): Promise<void> {
    checkPartName(name);
    await this.#open(name, 'r+', (file) => this.#write(file, name, chunk));
  }

  async *stream(name: string): AsyncIterable<Uint8Array> {
    checkPartName(name);
    const file = await this.#attempt(() => this.#fs.open(join(this.#root, name), 'r'));
    try {
      for (const frame of this.#known(name).slice(1)) yield* this.#read(file, frame);
    } finally {
      await file.close();
    }
  }

  async delete(name: string): Promise<void> {
    checkPartName(name);
    this.#frames.delete(name);
    await this.#attempt(() => this.#fs.rm(join(this.#root, name), { force: true }));
  }

  async list(): Promise<StoredPart[]> {
    const stored: StoredPart[] = [];
    for (const [name, [note, ...chunks]] of this.#frames) {
      if (!note) continue;
      const pieces: Uint8Array[] = [];
      await this.#open(name, 'r', async (file) => {
        for await (const piece of this.#read(file, note)) pieces.push(piece);
      });
      const bytes = chunks.reduce((sum, { length }) => sum + length, 0);
      stored.push({ name, note: Buffer.concat(pieces), bytes });
    }
    return stored;
  }

  async #write(file: File, name: string, chunk: Chunk): Promise<void> {
    const frames = this.#frames.get(name) ?? [];
    const end = endOf(frames);
    // What an append that failed has left behind must not look like a head.
    await this.#attempt(() => file.truncate(end));
    let position = end + HEAD_BYTES;
    for await (const piece of checkedChunk(chunk)) {
      await this.#attempt(() => writeAll(file, piece, position));
      position += piece.length;
    }
    await this.#attempt(async () => {
      await writeAll(file, headOf(chunk), end);
      await file.datasync();
    });
    const frame = { start: end + HEAD_BYTES, length: chunk.length, sha256: chunk.sha256 };
    this.#frames.set(name, [...frames, frame]);
  }

  /** The frames that are whole; what follows is cut off. */
  async #framesOf(name: string): Promise<Frame[]> {
    const file = await this.#fs.open(join(this.#root, name), 'r+');
    try {
      const { size } = await file.stat();
      const frames: Frame[] = [];
      for (let end = 0; end + HEAD_BYTES <= size; end = endOf(frames)) {
        const head = Buffer.alloc(HEAD_BYTES);
        await file.read(head, 0, HEAD_BYTES, end);
        const length = head.readUInt32LE(0);
        if (length === 0 || end + HEAD_BYTES + length > size) break;
        frames.push({ start: end + HEAD_BYTES, length, sha256: toHex(head.subarray(4)) });
      }
      const last = frames.at(-1);
      if (last && !(await this.#isWhole(file, last))) frames.pop();
      await file.truncate(endOf(frames));
      return frames;
    } finally {
      await file.close();
    }
  }

  async #isWhole(file: File, frame: Frame): Promise<boolean> {
    const hash = createHash('sha256');
    for await (const piece of this.#read(file, frame)) hash.update(piece);
    return hash.digest('hex') === frame.sha256;
  }

  async *#read(file: File, { start, length }: Frame): AsyncIterable<Uint8Array> {
    for (let done = 0; done < length; ) {
      const piece = new Uint8Array(Math.min(PIECE_BYTES, length - done));
      const { bytesRead } = await this.#attempt(() => file.read(piece, 0, piece.length, start + done));
      if (bytesRead === 0) return; // the file is shorter than it was: the hash of the whole tells
      done += bytesRead;
      yield piece.subarray(0, bytesRead);
    }
  }

  #known(name: string): Frame[] {
    return this.#frames.get(name) ?? [];
  }

  async #open(name: string, flags: string, work: (file: File) => Promise<void>): Promise<void> {
    const file = await this.#attempt(() => this.#fs.open(join(this.#root, name), flags, 0o600));
    try {
      await work(file);
    } finally {
      await this.#attempt(() => file.close());
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

function endOf(frames: readonly Frame[]): number {
  const last = frames.at(-1);
  return last ? last.start + last.length : 0;
}

function headOf({ length, sha256 }: Chunk): Uint8Array {
  const head = Buffer.alloc(HEAD_BYTES);
  head.writeUInt32LE(length, 0);
  head.write(sha256, 4, 'hex');
  return head;
}

async function writeAll(file: File, bytes: Uint8Array, position: number): Promise<void> {
  for (let done = 0; done < bytes.length; ) {
    const { bytesWritten } = await file.write(bytes, done, bytes.length - done, position + done);
    done += bytesWritten;
  }
}
