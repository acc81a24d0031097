/**
 * A clock that stands still until it is told to advance: simulated time costs no real time. Due work runs in the order
 * of its time, and what it sets going has come to rest before the next work is due, so that nothing depends on how fast
 * a machine is.
 */
import type { Clock } from '../protocol/clock.ts';

interface Appointment {
  readonly at: number;
  readonly work: () => void;
}

/** Where virtual time begins unless told otherwise; any moment would do. */
const START_MS = Date.UTC(2026, 0, 1, 12);

export class VirtualClock implements Clock {
  #now: number;
  readonly #appointments = new Set<Appointment>();

  /** @param start milliseconds since 1970-01-01 UTC */
  constructor(start: number = START_MS) {
    this.#now = start;
  }

  now(): number {
    return this.#now;
  }

  schedule(at: number, work: () => void): () => void {
    const appointment = { at, work };
    this.#appointments.add(appointment);
    return () => this.#appointments.delete(appointment);
  }

  /** Pieces of work that wait for their time. */
  get pending(): number {
    return this.#appointments.size;
  }

  /**
   * Goes on by `milliseconds` and does what is due on the way, in order of time, then of scheduling. Resolves when all
   * of it has come to rest.
   */
  async advance(milliseconds: number): Promise<void> {
    const end = this.#now + milliseconds;
    await atRest();
    for (let next = this.#earliest(end); next; next = this.#earliest(end)) await this.#perform(next);
    this.#now = end;
  }

  /**
   * Goes on to the next piece of work, does it, and resolves when what follows from it has come to rest: to false if
   * there was none.
   */
  async step(): Promise<boolean> {
    const next = this.#earliest(Number.POSITIVE_INFINITY);
    if (next) await this.#perform(next);
    return next !== undefined;
  }

  async #perform(next: Appointment): Promise<void> {
    this.#appointments.delete(next);
    this.#now = Math.max(this.#now, next.at);
    next.work();
    await atRest();
  }

  #earliest(end: number): Appointment | undefined {
    let earliest: Appointment | undefined;
    for (const appointment of this.#appointments)
      if (appointment.at <= end && (!earliest || appointment.at < earliest.at)) earliest = appointment;
    return earliest;
  }
}

/**
 * Resolves when all that follows from what has been called is done. That holds for code on stores in memory, where
 * nothing ever waits for the machine.
 */
export function atRest(): Promise<void> {
  return new Promise((resolve) => {
    setImmediate(resolve);
  });
}
