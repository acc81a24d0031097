/**
 * How much of the updates that arrive may be held in memory: what is held is written at once and added to the sum
 * without being read again. Nobody waits for memory: an update for which there is none streams to the disk piece by
 * piece, so that whoever sends slowly delays nobody else.
 */

/** About twenty updates of a million coordinates. */
export const UPDATE_MEMORY_BYTES = 67_108_864;

export class UpdateMemory {
  #free: number;

  constructor(bytes: number) {
    this.#free = bytes;
  }

  /**
   * Runs `work` with a buffer of this length, which is free again when it ends; without one if there is no room.
   * @param length bytes
   */
  async withBuffer<Result>(
    length: number,
    work: (buffer: Uint8Array<ArrayBuffer> | undefined) => Promise<Result>,
  ): Promise<Result> {
    if (length > this.#free) return work(undefined);
    this.#free -= length;
    try {
      return await work(new Uint8Array(length));
    } finally {
      this.#free += length;
    }
  }
}
