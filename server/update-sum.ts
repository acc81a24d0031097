/**
 * The running sum of a round: a cache of what is on disk, so that the last update closes the round at once.
 *
 * An update whose content is at hand is added at once. Others are read and added one at a time in the background,
 * whatever the order of their arrival; at no time is more than one of those in memory. After a restart, or if anything
 * goes wrong, the sum is made again from the stored updates, and what is wrong with them is thrown then. Updates are
 * told apart by their node: two nodes may well send the same bytes.
 */
import { RingSum } from '../protocol/ring/sum.ts';
import { payloadOf } from '../protocol/vector.ts';
import type { NodeId, Sha256 } from '../schemas/ids.ts';
import type { JobManifest } from '../schemas/job.ts';
import type { BlobStore } from './store/blob-store.ts';

export type StoredUpdates = ReadonlyMap<NodeId, { readonly sha256: Sha256 }>;

export class UpdateSum {
  readonly #blobs: BlobStore;
  readonly #manifest: JobManifest;
  #sum: RingSum;
  readonly #added = new Map<NodeId, Sha256>();
  #failed = false;
  #work: Promise<void> = Promise.resolve();

  /** @param memory a sum of the same job that nobody uses any more; cleared and used again */
  constructor(blobs: BlobStore, manifest: JobManifest, memory?: RingSum) {
    this.#blobs = blobs;
    this.#manifest = manifest;
    memory?.clear();
    this.#sum = memory ?? this.#empty();
  }

  /** Ends the use of this object and gives its memory away: to make new memory for WebAssembly is dear. */
  retire(): RingSum {
    this.#failed = true; // what is still being read is not added any more
    return this.#sum;
  }

  /**
   * Adds a stored update, or begins to. A failure shows when the sum is asked for.
   * @param content what is stored under this hash, where it is at hand; not kept
   */
  add(node: NodeId, sha256: Sha256, content?: Uint8Array): void {
    if (content) {
      this.#addNow(node, sha256, content);
      return;
    }
    this.#work = this.#work.then(async () => {
      if (this.#failed || this.#added.has(node)) return;
      try {
        this.#addNow(node, sha256, await this.#blobs.read(sha256));
      } catch {
        this.#failed = true;
      }
    });
  }

  #addNow(node: NodeId, sha256: Sha256, content: Uint8Array): void {
    if (this.#failed || this.#added.has(node)) return;
    try {
      this.#sum.add(payloadOf(content));
      this.#added.set(node, sha256);
    } catch {
      this.#failed = true;
    }
  }

  /** The sum over exactly these updates. Throws what the blob store throws. */
  async over(updates: StoredUpdates): Promise<RingSum> {
    for (const [node, { sha256 }] of updates) this.add(node, sha256);
    await this.#work;
    if (!this.#failed && this.#holdsExactly(updates)) return this.#sum;
    const sum = this.#empty();
    for (const { sha256 } of updates.values()) sum.add(payloadOf(await this.#blobs.read(sha256)));
    return sum;
  }

  #holdsExactly(updates: StoredUpdates): boolean {
    if (this.#added.size !== updates.size) return false;
    return [...updates].every(([node, { sha256 }]) => this.#added.get(node) === sha256);
  }

  #empty(): RingSum {
    return new RingSum(this.#manifest.codec, this.#manifest.parameters);
  }
}
