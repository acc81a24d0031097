/**
 * How often somebody may do something: a bucket of tokens for each name, full at first and filled again one by one. In
 * memory only.
 *
 * A bucket is one number, the time at which it will be full (the generic cell rate algorithm, ITU-T I.371). Those that
 * are full are not kept, and of more than so many names the one that was used longest ago is forgotten: whoever can call
 * himself by that many names has a full bucket for each of them anyway.
 */
import type { Clock } from '../protocol/clock.ts';

export interface AllowanceSettings {
  /** Tokens of a full bucket. */
  readonly most: number;
  /** Time in which one comes back. */
  readonly everyMs: number;
  /** Buckets that are kept at once. Default: 65,536, which take some ten megabytes. */
  readonly mostNames?: number;
}

const MOST_NAMES = 65_536;

/** What the arithmetic of fractions of tokens leaves over; milliseconds. */
const ROUNDING_MS = 1e-6;

export class Allowance {
  readonly #clock: Clock;
  readonly #settings: AllowanceSettings;
  /** Buckets that were not full when they were used last, as the time at which they will be; in the order of that use. */
  readonly #fullAt = new Map<string, number>();

  constructor(clock: Clock, settings: AllowanceSettings) {
    this.#clock = clock;
    this.#settings = settings;
  }

  /**
   * Takes tokens, if they are left.
   * @param tokens more than 0, at most those of a full bucket; fractions are fine
   */
  take(name: string, tokens = 1): boolean {
    const isLeft = this.waitMs(name, tokens) === 0;
    this.#keep(name, this.#full(name) + (isLeft ? tokens * this.#settings.everyMs : 0));
    return isLeft;
  }

  /** Gives back what was taken and not used. */
  giveBack(name: string, tokens = 1): void {
    this.#keep(name, this.#full(name) - tokens * this.#settings.everyMs);
  }

  /** Milliseconds until so many tokens are there; 0 if they are. */
  waitMs(name: string, tokens = 1): number {
    const { most, everyMs } = this.#settings;
    const wait = this.#full(name) - this.#clock.now() - (most - tokens) * everyMs;
    return wait <= ROUNDING_MS ? 0 : wait;
  }

  /** Tokens that are there now, whole and in part. */
  left(name: string): number {
    const { most, everyMs } = this.#settings;
    return most - (this.#full(name) - this.#clock.now()) / everyMs;
  }

  /** Buckets that are kept. */
  get names(): number {
    return this.#fullAt.size;
  }

  /** A clock that was set back must not lock anybody out for longer than an empty bucket does. */
  #full(name: string): number {
    const { most, everyMs } = this.#settings;
    const now = this.#clock.now();
    return Math.min(Math.max(this.#fullAt.get(name) ?? now, now), now + most * everyMs);
  }

  #keep(name: string, fullAt: number): void {
    const { mostNames = MOST_NAMES } = this.#settings;
    const now = this.#clock.now();
    this.#fullAt.delete(name);
    if (fullAt > now) this.#fullAt.set(name, fullAt);
    // Two for each that comes at most: what is full again goes without a search through all.
    let looked = 0;
    for (const [oldest, at] of this.#fullAt) {
      if (looked === 2 || (at > now && this.#fullAt.size <= mostNames)) return;
      this.#fullAt.delete(oldest);
      looked += 1;
    }
  }
}
