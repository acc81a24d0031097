/** Blobs that are forgotten when the process ends: the contract of `blob-store.ts`, for simulations and tests. */
import { createHash } from 'node:crypto';
import { HanseError } from '../../protocol/problem.ts';
import {
  type BlobStore,
  type ByteRange,
  checkByteRange,
  checkPutOptions,
  checkSha256,
  type PutOptions,
} from './blob-store.ts';

export function memoryBlobStore(): BlobStore {
  return new MemoryBlobStore();
}

class MemoryBlobStore implements BlobStore {
  readonly #contents = new Map<string, Uint8Array>();

  async put(
    source: AsyncIterable<Uint8Array> | Uint8Array,
    options: PutOptions,
  ): Promise<{ sha256: string; size: number }> {
    checkPutOptions(options);
    const content = await collect(source, options.limitBytes);
    const sha256 = hashOf(content);
    const expected = options.expectedSha256 ?? sha256;
    if (sha256 !== expected) throw new HanseError('hashMismatch', { what: 'blob', expected, got: sha256 });
    this.#contents.set(sha256, content);
    return { sha256, size: content.length };
  }

  async has(sha256: string): Promise<{ size: number } | undefined> {
    checkSha256('sha256', sha256);
    const content = this.#contents.get(sha256);
    return content && { size: content.length };
  }

  async read(sha256: string): Promise<Uint8Array> {
    checkSha256('sha256', sha256);
    const content = this.#contents.get(sha256);
    if (!content) throw new HanseError('blobUnknown', { sha256 });
    return content.slice();
  }

  async *stream(sha256: string, range?: ByteRange): AsyncIterable<Uint8Array> {
    if (range) checkByteRange(range);
    const content = await this.read(sha256);
    const piece = range ? content.subarray(range.start, range.end) : content;
    if (piece.length > 0) yield piece;
  }

  async delete(sha256: string): Promise<void> {
    checkSha256('sha256', sha256);
    this.#contents.delete(sha256);
  }

  async *list(): AsyncIterable<string> {
    yield* [...this.#contents.keys()].sort();
  }

  /** Nothing survives a killed put here. */
  async sweepTemporary(): Promise<number> {
    return 0;
  }
}

function hashOf(content: Uint8Array): string {
  return createHash('sha256').update(content).digest('hex');
}

async function collect(
  source: AsyncIterable<Uint8Array> | Uint8Array,
  limitBytes: number,
): Promise<Uint8Array> {
  if (source instanceof Uint8Array) {
    if (source.length > limitBytes) throw new HanseError('bodyTooLarge', { limitBytes });
    return new Uint8Array(source);
  }
  const pieces: Uint8Array[] = [];
  let size = 0;
  for await (const piece of source) {
    size += piece.length;
    if (size > limitBytes) throw new HanseError('bodyTooLarge', { limitBytes });
    pieces.push(new Uint8Array(piece)); // a Buffer would share its memory with `slice`
  }
  const content = new Uint8Array(size);
  let filled = 0;
  for (const piece of pieces) {
    content.set(piece, filled);
    filled += piece.length;
  }
  return content;
}
