/**
 * Content that is still arriving: chunks in order under a name, with a note that says what it is.
 *
 * The comments below are the contract. `test/contract/part-store.ts` runs it on every implementation.
 *
 * Durability: a chunk whose `append` has resolved survives a kill of the process and a loss of power, as does what
 * `begin` has resolved for. Of an append that was rejected or killed nothing is ever seen.
 */
import { HanseError } from '../../protocol/problem.ts';

export interface Chunk {
  /** Attacker-controlled; no more than `length` and one piece is read of it. */
  readonly source: AsyncIterable<Uint8Array> | Uint8Array;
  readonly length: number;
  /** 64 lower-case hexadecimal digits: what the chunk must hash to. */
  readonly sha256: string;
}

export interface StoredPart {
  readonly name: string;
  readonly note: Uint8Array;
  /** Of all chunks together. */
  readonly bytes: number;
}

export interface PartStore {
  /** Begins a content without chunks, in place of one of this name. Throws `storageFull`, `storageFailed`. */
  begin(name: string, note: Uint8Array): Promise<void>;

  /**
   * Adds the next chunk. Of one name only one at a time.
   * @throws `hashMismatch`, `invalidLength` for another chunk than stated; `storageFull`, `storageFailed`; and whatever
   *   the source throws, unchanged
   */
  append(name: string, chunk: Chunk): Promise<void>;

  /** All chunks, one after the other. Not verified: whoever uses them knows the hash of the whole. */
  stream(name: string): AsyncIterable<Uint8Array>;

  /** Forgets a content; an unknown one is no error. */
  delete(name: string): Promise<void>;

  /** What is there, in any order. Only while nothing is added. */
  list(): Promise<StoredPart[]>;
}

/** Names become file names. Throws `invalidFormat`. */
export function checkPartName(name: string): void {
  if (!/^[0-9a-f]{32}$/.test(name))
    throw new HanseError('invalidFormat', { where: 'part', expected: '32 lower-case hexadecimal digits' });
}
