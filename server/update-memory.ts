/**
 * How much of the updates that arrive may be held in memory: what is held is written at once and added to the sum
 * without being read again. Nobody waits for memory: an update for which there is none streams to the disk piece by
 * piece, so that whoever sends slowly delays nobody else.
 */

/** About twenty updates of a million coordinates. */
export const UPDATE_MEMORY_BYTES = 67_108_864;

export class UpdateMemory {
  #free: number;
  /** Buffers that nobody uses: fresh memory is dear, and the next update is as long as the last. */
  #spare: Uint8Array<ArrayBuffer>[] = [];

  constructor(bytes: number) {
    this.#free = bytes;
  }

  /**
   * Runs `work` with a buffer of this length, which is free again when it ends; without one if there is no room.
   * The buffer holds what an earlier update has left in it.
   * @param length bytes
   */
  async withBuffer<Result>(
    length: number,
    work: (buffer: Uint8Array<ArrayBuffer> | undefined) => Promise<Result>,
  ): Promise<Result> {
    if (length > this.#free) return work(undefined);
    this.#free -= length;
    const buffer = this.#take(length);
    try {
      return await work(buffer);
    } finally {
      this.#free += length;
      this.#spare.push(buffer);
    }
  }

  #take(length: number): Uint8Array<ArrayBuffer> {
    const spare = this.#spare.pop();
    if (spare?.length === length) return spare;
    this.#spare = []; // updates of another length come now
    return new Uint8Array(length);
  }
}
