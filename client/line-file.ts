/**
 * A file of lines that grows at its end, each durable once it was added; a line that a kill has torn counts as none. Node only.
 */
import { type FileHandle, open } from 'node:fs/promises';
import { fileProblem } from './file-problem.ts';

/** Longer than a line. */
const TAIL_BYTES = 4096;
const LINE_END = 10;

export class LineFile {
  readonly path: string;
  #isWhole = false;
  /** One after the other. */
  #turn: Promise<unknown> = Promise.resolve();

  constructor(path: string) {
    this.path = path;
  }

  /**
   * Resolves once it is durable.
   * @param value as JSON at most 4095 bytes
   * @throws storageFull, storageFailed; the others are kept all the same
   */
  append(value: object): Promise<void> {
    const turn = this.#turn.then(() => this.#append(`${JSON.stringify(value)}\n`));
    this.#turn = turn.catch(() => {});
    return turn;
  }

  /** Resolves when all that was to be kept has been, or has failed. */
  async settled(): Promise<void> {
    await this.#turn;
  }

  async #append(line: string): Promise<void> {
    try {
      const file = await open(this.path, 'a+', 0o600);
      try {
        if (!this.#isWhole) await cutTornLine(file);
        this.#isWhole = false; // unless all of this one is written
        await file.appendFile(line);
        await file.sync();
        this.#isWhole = true;
      } finally {
        await file.close();
      }
    } catch (error) {
      throw fileProblem(this.path, error);
    }
  }
}

/** A kill in the middle of a line leaves a part of it, of which nobody was told that it is kept. */
async function cutTornLine(file: FileHandle): Promise<void> {
  const { size } = await file.stat();
  const from = Math.max(0, size - TAIL_BYTES);
  const { buffer, bytesRead } = await file.read(Buffer.alloc(size - from), 0, size - from, from);
  const end = from + buffer.subarray(0, bytesRead).lastIndexOf(LINE_END) + 1;
  if (end < size) await file.truncate(end);
}
