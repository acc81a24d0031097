/**
 * Numbers that depend on a name alone, not on what was drawn before: a fault that is taken out of a schedule leaves the
 * latencies of all other messages as they were.
 *
 * FNV-1a over the name, then the mixing steps of SplitMix32. Good enough to spread schedules; not for anything secret.
 */
import type { RandomSource } from '../../protocol/random.ts';

export type NamePart = string | number;

export class KeyedNumbers {
  #state: number;

  constructor(...name: readonly NamePart[]) {
    let hash = 0x811c9dc5;
    for (const part of name) {
      const text = typeof part === 'number' ? `#${part}` : part;
      for (let i = 0; i < text.length; i += 1) hash = Math.imul(hash ^ text.charCodeAt(i), 0x01000193);
      hash = Math.imul(hash ^ 0x1f, 0x01000193);
    }
    this.#state = hash >>> 0;
  }

  /** Uniform in [0, 2^32). */
  uint32(): number {
    this.#state = (this.#state + 0x9e3779b9) >>> 0;
    let z = this.#state;
    z = Math.imul(z ^ (z >>> 16), 0x21f0aaad);
    z = Math.imul(z ^ (z >>> 15), 0x735a2d97);
    return (z ^ (z >>> 15)) >>> 0;
  }

  /** Uniform in [0, 1). */
  unit(): number {
    return this.uint32() / 4_294_967_296;
  }

  /** A whole number in least..most, both included. */
  between(least: number, most: number): number {
    return least + Math.floor(this.unit() * (most - least + 1));
  }

  /** One of these, each as likely. */
  oneOf<Item>(items: readonly Item[]): Item {
    return items[this.between(0, items.length - 1)] as Item;
  }

  /** The same numbers as bytes. */
  source(): RandomSource {
    return {
      fill: (target) => {
        for (let i = 0; i < target.length; i += 4) {
          const word = this.uint32();
          for (let j = 0; j < 4 && i + j < target.length; j += 1) target[i + j] = (word >>> (8 * j)) & 0xff;
        }
      },
    };
  }
}
