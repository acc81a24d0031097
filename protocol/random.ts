/**
 * Randomness as an argument. SPEC.md section 2.4.
 *
 * Nothing in `protocol/` draws randomness of its own. Shells pass the platform's CSPRNG; a simulation passes
 * `seededRandom`, so that one seed gives one result. Words are little-endian on every platform.
 */
import { chacha20 } from '@noble/ciphers/chacha.js';

export interface RandomSource {
  /** Overwrites all of `target` with uniformly random bytes. */
  fill(target: Uint8Array): void;
}

/** So many fresh bytes: for keys, tokens, nonces and ids. */
export function randomBytes(source: RandomSource, count: number): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(count);
  source.fill(bytes);
  return bytes;
}

/**
 * The ChaCha20 key stream (RFC 8439) under the given key: deterministic, and independent for different keys.
 * For experiments, where the seed is part of what is published; and under a key that is secret where the same noise is needed
 * again (`server/central-noise.ts`). For nothing else of a real federation: no keys, no masks, no other noise.
 *
 * @param key 32 bytes, for example the SHA-256 of a label and a seed
 */
export function seededRandom(key: Uint8Array): RandomSource {
  let block = 0;
  let buffer = new Uint8Array(0);
  let used = 0;
  return {
    fill(target) {
      let written = 0;
      while (written < target.length) {
        if (used === buffer.length) {
          // One nonce per buffer: the 32-bit block counter never wraps within 64 KiB.
          const nonce = new Uint8Array(12);
          new DataView(nonce.buffer).setBigUint64(0, BigInt(block), true);
          block += 1;
          buffer = chacha20(key, nonce, new Uint8Array(65_536));
          used = 0;
        }
        const count = Math.min(buffer.length - used, target.length - written);
        target.set(buffer.subarray(used, used + count), written);
        used += count;
        written += count;
      }
    },
  };
}

/** Draws single numbers from a source, a block of words at a time. */
export class RandomNumbers {
  readonly #source: RandomSource;
  readonly #bytes = new Uint8Array(4096);
  readonly #view = new DataView(this.#bytes.buffer);
  #used = 4096;

  constructor(source: RandomSource) {
    this.#source = source;
  }

  /** Uniform in [0, 2^32). */
  uint32(): number {
    if (this.#used === this.#bytes.length) {
      this.#source.fill(this.#bytes);
      this.#used = 0;
    }
    const word = this.#view.getUint32(this.#used, true);
    this.#used += 4;
    return word;
  }

  /** Uniform in [0, 1), with 53 random bits. */
  unit(): number {
    const high = this.uint32() >>> 5;
    const low = this.uint32() >>> 6;
    return (high * 67_108_864 + low) / 9_007_199_254_740_992;
  }

  /** Uniform in [0, bound) without bias, by rejection. `bound` is in 1..2^32. */
  below(bound: number): number {
    if (!Number.isInteger(bound) || bound < 1 || bound > 4_294_967_296)
      throw new RangeError(`bound ${bound}`);
    const limit = 4_294_967_296 - (4_294_967_296 % bound);
    for (;;) {
      const word = this.uint32();
      if (word < limit) return word % bound;
    }
  }

  /** Fisher-Yates, in place: every order is equally likely. */
  shuffle<T extends { length: number; [index: number]: unknown }>(items: T): T {
    for (let i = items.length - 1; i > 0; i -= 1) {
      const j = this.below(i + 1);
      const swapped = items[i];
      items[i] = items[j];
      items[j] = swapped;
    }
    return items;
  }

  /** So many of them, every choice equally likely; the items themselves where there are no more. They are not modified. */
  some<Item>(items: readonly Item[], most: number): readonly Item[] {
    if (items.length <= most) return items;
    const chosen = [...items];
    for (let at = 0; at < most; at += 1) {
      const other = at + this.below(chosen.length - at);
      const swapped = chosen[at] as Item;
      chosen[at] = chosen[other] as Item;
      chosen[other] = swapped;
    }
    return chosen.slice(0, most);
  }

  /** Standard normal, by the polar method of Marsaglia (1964). For data and initial weights, never for privacy. */
  normal(): number {
    for (;;) {
      const u = 2 * this.unit() - 1;
      const v = 2 * this.unit() - 1;
      const s = u * u + v * v;
      if (s > 0 && s < 1) return u * Math.sqrt((-2 * Math.log(s)) / s);
    }
  }
}
