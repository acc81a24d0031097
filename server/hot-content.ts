/**
 * Content that many members fetch at about the same time - above all the model of a round, which the whole cohort asks
 * for at once - read and verified once, and kept in memory while it is asked for.
 *
 * Content is known by its hash, so what is kept can never be out of date.
 */
import type { BlobStore } from './store/blob-store.ts';

/** Some models of a million parameters. */
const LIMIT_BYTES = 67_108_864;

export class HotContent {
  readonly #blobs: BlobStore;
  readonly #limitBytes: number;
  /** The least recently used comes first. */
  readonly #kept = new Map<string, Promise<Uint8Array>>();
  readonly #sizes = new Map<string, number>();
  #bytes = 0;

  constructor(blobs: BlobStore, limitBytes: number = LIMIT_BYTES) {
    this.#blobs = blobs;
    this.#limitBytes = limitBytes;
  }

  /**
   * The content, shared by all who ask: read-only. Undefined if it is unknown, or too large to be kept.
   * @throws `storageCorrupt`, `storageFailed`: failures are not kept
   */
  async read(sha256: string): Promise<Uint8Array | undefined> {
    const kept = this.#kept.get(sha256);
    if (kept) {
      this.#kept.delete(sha256);
      this.#kept.set(sha256, kept);
      return kept;
    }
    const stored = await this.#blobs.has(sha256);
    if (!stored || stored.size > this.#limitBytes) return undefined;
    // Somebody else may have begun to read it meanwhile.
    return this.#kept.get(sha256) ?? this.#load(sha256, stored.size);
  }

  #load(sha256: string, size: number): Promise<Uint8Array> {
    const loading = this.#blobs.read(sha256);
    this.#kept.set(sha256, loading);
    this.#sizes.set(sha256, size);
    this.#bytes += size;
    for (const oldest of this.#kept.keys()) {
      if (this.#bytes <= this.#limitBytes) break;
      this.#forget(oldest);
    }
    loading.catch(() => {
      if (this.#kept.get(sha256) === loading) this.#forget(sha256);
    });
    return loading;
  }

  #forget(sha256: string): void {
    this.#kept.delete(sha256);
    this.#bytes -= this.#sizes.get(sha256) ?? 0;
    this.#sizes.delete(sha256);
  }
}
