/**
 * A clock that stands still until it is told to go on: simulated time costs no real time.
 */
import type { Clock } from '../protocol/clock.ts';

interface Appointment {
  readonly at: number;
  readonly work: () => void;
}

export class VirtualClock implements Clock {
  #now: number;
  readonly #appointments = new Set<Appointment>();

  /** @param start milliseconds since 1970-01-01 UTC */
  constructor(start: number) {
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

  /** Goes on by `milliseconds` and does what is due on the way, in order of time, then of scheduling. */
  advance(milliseconds: number): void {
    const end = this.#now + milliseconds;
    for (let next = this.#earliest(end); next; next = this.#earliest(end)) {
      this.#appointments.delete(next);
      this.#now = Math.max(this.#now, next.at);
      next.work();
    }
    this.#now = end;
  }

  #earliest(end: number): Appointment | undefined {
    let earliest: Appointment | undefined;
    for (const appointment of this.#appointments)
      if (appointment.at <= end && (!earliest || appointment.at < earliest.at)) earliest = appointment;
    return earliest;
  }
}
