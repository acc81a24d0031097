/**
 * Memory that is used again: a node does the same with vectors of the same length in every round, and fresh memory has
 * to be found, cleared and collected each time. Measured with 159,000 parameters, that is a third of a round's work.
 */

/** How many buffers are kept that nobody uses: of one job a delta and an update, of another one the same. */
const KEPT = 4;

export class SpareBuffers {
  readonly #spare: ArrayBuffer[] = [];

  /** A buffer of so many bytes, which holds what was last written to it. */
  take(bytes: number): ArrayBuffer {
    const index = this.#spare.findIndex(({ byteLength }) => byteLength === bytes);
    const [found] = index < 0 ? [] : this.#spare.splice(index, 1);
    return found ?? new ArrayBuffer(bytes);
  }

  /** Gives back a buffer that nothing reads or writes any more; the one that was unused longest may be dropped. */
  give(buffer: ArrayBuffer): void {
    this.#spare.push(buffer);
    if (this.#spare.length > KEPT) this.#spare.shift();
  }
}
