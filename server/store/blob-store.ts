/**
 * Content by its SHA-256: payloads of updates, models, data packages.
 *
 * The comments below are the contract. `test/contract/blob-store.ts` runs it on every implementation.
 *
 * Durability: a put that has resolved survives a kill of the process and a loss of power. A put that was rejected or
 * killed may at most have left the whole content under its true name, which harms nobody; it never leaves a part of
 * it that a reader could find. There is no overwriting: a name determines its content.
 */
import { HanseError } from '../../protocol/problem.ts';

export interface PutOptions {
  /** Greatest size accepted, in bytes. The source may come from an attacker: no more than this is ever read. */
  readonly limitBytes: number;
  /** 64 lower-case hexadecimal digits. */
  readonly expectedSha256?: string;
}

/** Bytes `start` (inclusive) to `end` (exclusive); an `end` beyond the content means its end. 0 <= start <= end. */
export interface ByteRange {
  readonly start: number;
  readonly end: number;
}

export interface BlobStore {
  /**
   * Stores content and resolves to its name once it is durable. Content that is stored already is written afresh,
   * which also mends a damaged copy. Bytes are only read, never kept or changed.
   *
   * @throws `bodyTooLarge` as soon as the source has given more than `limitBytes`; the source is then closed
   * @throws `hashMismatch` if the content is not the expected one
   * @throws `storageFull`, `storageFailed`; and whatever the source throws, unchanged
   */
  put(
    source: AsyncIterable<Uint8Array> | Uint8Array,
    options: PutOptions,
  ): Promise<{ sha256: string; size: number }>;

  /** Size in bytes of stored content, or undefined. Does not read the content. */
  has(sha256: string): Promise<{ size: number } | undefined>;

  /**
   * The content, hashed again on each read: hashing costs a fraction of what is done with the bytes next, and no
   * model is ever made from a bit that has flipped on the disk. The bytes belong to the caller.
   *
   * @throws `blobUnknown`; `storageCorrupt` if the content no longer has its hash
   */
  read(sha256: string): Promise<Uint8Array>;

  /**
   * The content piece by piece, from one state of the store even if it is deleted meanwhile. A whole content is
   * verified: `storageCorrupt` comes after the last piece, so a consumer must not act before the end. A range cannot
   * be verified. Failures, `blobUnknown` among them, come with the first piece, not from the call.
   */
  stream(sha256: string, range?: ByteRange): AsyncIterable<Uint8Array>;

  /** Forgets content, durably. Unknown content is no error. */
  delete(sha256: string): Promise<void>;

  /** Names of all content, in ascending order. Content put or deleted meanwhile may or may not be among them. */
  list(): AsyncIterable<string>;

  /**
   * Removes what killed puts have left behind and resolves to how many there were. Opening a store does this; never
   * call it while a put is under way.
   */
  sweepTemporary(): Promise<number>;
}

/**
 * Refuses everything but 64 lower-case hexadecimal digits with `invalidFormat`. Hashes come out of requests and
 * become file names: this check is what keeps an attacker's `../` out of the file system.
 */
export function checkSha256(where: string, sha256: string): void {
  if (typeof sha256 !== 'string' || !/^[0-9a-f]{64}$/.test(sha256))
    throw new HanseError('invalidFormat', { where, expected: '64 lower-case hexadecimal digits' });
}

/** Refuses limits and ranges that are not whole numbers in order with `invalidFormat`. */
export function checkByteRange({ start, end }: ByteRange): void {
  if (!Number.isSafeInteger(start) || !Number.isSafeInteger(end) || start < 0 || end < start)
    throw new HanseError('invalidFormat', { where: 'range', expected: 'integers 0 <= start <= end' });
}

/** Checks the options of a put. Throws `invalidFormat`. */
export function checkPutOptions({ limitBytes, expectedSha256 }: PutOptions): void {
  if (!Number.isSafeInteger(limitBytes) || limitBytes < 0)
    throw new HanseError('invalidFormat', { where: 'limitBytes', expected: 'an integer of at least 0' });
  if (expectedSha256 !== undefined) checkSha256('expectedSha256', expectedSha256);
}
