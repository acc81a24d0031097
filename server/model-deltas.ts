/**
 * Differences between models, for participants that still have the one before: made once for all who ask, and only
 * where they are much shorter. SPEC.md 9.3.
 *
 * A difference costs some 20 ms of processor time for each MB of the model. So they are made one at a time; who asks
 * while many wait is sent the whole instead, as is who asks for a pair that a sample, or an earlier try, has shown not to
 * be worth it. What was made is kept within a bound of bytes.
 */
import { createHash } from 'node:crypto';
import { promisify } from 'node:util';
import { deflateRaw } from 'node:zlib';
import { toHex } from '../protocol/bytes.ts';
import { BLOCK_VALUES, encodeDelta, planesOf } from '../protocol/model-delta.ts';
import { isProblem } from '../protocol/problem.ts';
import { HEADER_BYTES, payloadOf, wordsOf } from '../protocol/vector.ts';
import type { Sha256 } from '../schemas/ids.ts';

export interface ModelDelta {
  /** Shared by all who ask: read-only. */
  readonly bytes: Uint8Array;
  readonly sha256: Sha256;
}

/** A difference of at most this share of the whole is sent in its place. */
export const WORTHWHILE = 0.8;

/** Of a larger model no difference is made: both models and what comes of them are in memory meanwhile. */
const MODEL_BYTES = 33_554_432;

/** Bytes of differences that are kept. */
const KEPT_BYTES = 67_108_864;
/** Pairs that are remembered, most of them as not worth it. */
const KEPT_PAIRS = 256;
/** Who comes while so many are to be made does not wait. */
const WAITING = 4;

/** Of a model of more than one block, so many places are looked at first. */
const SAMPLES = 16;
const SAMPLE_VALUES = 2048;

const deflated = promisify(deflateRaw);
/** Level 6 makes it 3 % shorter in twice the time. */
const deflate = (bytes: Uint8Array) => deflated(bytes, { level: 1 });

export interface DeltaOptions {
  /** The content, or undefined where it is unknown or too large: there is no difference then. */
  read(sha256: Sha256): Promise<Uint8Array | undefined>;
  readonly keptBytes?: number;
}

export class ModelDeltas {
  readonly #read: DeltaOptions['read'];
  readonly #keptBytes: number;
  /** The least recently used comes first. Undefined: not worth it. */
  readonly #kept = new Map<string, Promise<ModelDelta | undefined>>();
  readonly #sizes = new Map<string, number>();
  #bytes = 0;
  #waiting = 0;
  #last: Promise<unknown> = Promise.resolve();

  constructor({ read, keptBytes = KEPT_BYTES }: DeltaOptions) {
    this.#read = read;
    this.#keptBytes = keptBytes;
  }

  /**
   * What leads from `base` to `target`; undefined where the whole should be sent.
   * @throws what `read` throws: failures are not kept
   */
  async between(base: Sha256, target: Sha256): Promise<ModelDelta | undefined> {
    const pair = `${base} ${target}`;
    const kept = this.#kept.get(pair);
    if (kept) {
      this.#kept.delete(pair);
      this.#kept.set(pair, kept);
      return kept;
    }
    if (this.#waiting >= WAITING) return undefined;
    this.#waiting += 1;
    const making = this.#last
      .then(() => this.#make(base, target))
      .finally(() => {
        this.#waiting -= 1;
      });
    this.#last = making.catch(() => {});
    this.#kept.set(pair, making);
    try {
      const delta = await making;
      this.#count(pair, delta?.bytes.length ?? 0);
      return delta;
    } catch (error) {
      this.#forget(pair);
      throw error;
    }
  }

  async #make(base: Sha256, target: Sha256): Promise<ModelDelta | undefined> {
    const to = await this.#read(target);
    if (!to || to.length <= HEADER_BYTES || to.length > MODEL_BYTES) return undefined;
    const from = await this.#read(base);
    if (from?.length !== to.length) return undefined;
    try {
      if (!(await isPromising(from, to))) return undefined;
      const bytes = await encodeDelta(from, to, deflate, WORTHWHILE * to.length);
      return bytes && { bytes, sha256: toHex(createHash('sha256').update(bytes).digest()) };
    } catch (error) {
      if (isProblem(error, 'updateMalformed') || isProblem(error, 'invalidLength')) return undefined; // no models
      throw error;
    }
  }

  #count(pair: string, bytes: number): void {
    if (!this.#kept.has(pair) || this.#sizes.has(pair)) return;
    this.#sizes.set(pair, bytes);
    this.#bytes += bytes;
    for (const [oldest] of this.#kept) {
      if (this.#bytes <= this.#keptBytes && this.#kept.size <= KEPT_PAIRS) break;
      this.#forget(oldest);
    }
  }

  #forget(pair: string): void {
    this.#kept.delete(pair);
    this.#bytes -= this.#sizes.get(pair) ?? 0;
    this.#sizes.delete(pair);
  }
}

/** Whether values from all over the model say that the difference would be worth it. */
async function isPromising(base: Uint8Array, target: Uint8Array): Promise<boolean> {
  const [from, to] = [wordsOf(payloadOf(base)), wordsOf(payloadOf(target))];
  if (to.length <= BLOCK_VALUES) return true;
  let bytes = 0;
  for (let i = 0; i < SAMPLES; i += 1) {
    const start = Math.floor((i * (to.length - SAMPLE_VALUES)) / (SAMPLES - 1));
    const planes = planesOf(
      from.subarray(start, start + SAMPLE_VALUES),
      to.subarray(start, start + SAMPLE_VALUES),
    );
    for (const plane of planes) bytes += Math.min(plane.length, (await deflate(plane)).length);
  }
  return bytes <= WORTHWHILE * SAMPLES * SAMPLE_VALUES * Uint32Array.BYTES_PER_ELEMENT;
}
