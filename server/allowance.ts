/**
 * How often somebody may do what leaves something behind for ever: a bucket of tokens for each name, full at first and
 * filled again one by one. In memory only.
 */
import type { Clock } from '../protocol/clock.ts';

export interface AllowanceSettings {
  /** Tokens of a full bucket. */
  readonly most: number;
  /** Time in which one comes back. */
  readonly everyMs: number;
}

export class Allowance {
  readonly #clock: Clock;
  readonly #settings: AllowanceSettings;
  /** Buckets that are not full, as the time at which they will be. */
  readonly #fullAt = new Map<string, number>();

  constructor(clock: Clock, settings: AllowanceSettings) {
    this.#clock = clock;
    this.#settings = settings;
  }

  /** Takes a token, if one is left. */
  take(name: string): boolean {
    const { most, everyMs } = this.#settings;
    const now = this.#clock.now();
    // A clock that was set back must not lock anybody out for longer than an empty bucket does.
    const fullAt = Math.min(Math.max(this.#fullAt.get(name) ?? now, now), now + most * everyMs);
    const isLeft = fullAt <= now + (most - 1) * everyMs;
    this.#fullAt.set(name, isLeft ? fullAt + everyMs : fullAt);
    return isLeft;
  }
}
