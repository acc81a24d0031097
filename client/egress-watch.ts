/**
 * The latest update that has left this node, for its owner: `hanse inspect`. To look at one takes passes over all of its
 * coordinates, so that is done only for a while after somebody has asked, or always where the owner wants it.
 */
import type { Clock } from '../protocol/clock.ts';
import type { Egress, EgressReport, LeftEgress } from '../schemas/egress.ts';
import type { Receipt, Task } from '../schemas/task.ts';
import type { EgressInspector } from './contribute.ts';
import type { ParticipantEvent } from './participant-event.ts';

/** Longer than most rounds are apart: who has asked once sees the next update when asking again. */
const WATCH_MS = 3_600_000;

export class EgressWatch implements EgressInspector {
  readonly #clock: Pick<Clock, 'now'>;
  readonly #isAlways: boolean;
  /** By task: sealed, and not yet known to have been delivered. */
  readonly #leaving = new Map<string, Egress>();
  #until = Number.NEGATIVE_INFINITY;
  #last: LeftEgress | null = null;
  #unwatched = 0;

  constructor(clock: Pick<Clock, 'now'>, { isAlways = false }: { readonly isAlways?: boolean } = {}) {
    this.#clock = clock;
    this.#isAlways = isAlways;
  }

  /** Whether the next update is to be looked at before it leaves. */
  isWatching(): boolean {
    return this.#isAlways || this.#clock.now() < this.#until;
  }

  /** Keeps it until its task has ended; lets every update go. */
  async inspect(egress: Egress): Promise<void> {
    this.#leaving.set(keyOf(egress), egress);
  }

  /** An update counts as left once its task has ended, whatever the coordinator made of it. */
  observe(event: ParticipantEvent): void {
    if (event.type === 'contributed') {
      if (!this.#showLeft(event.task, event.report.receipt)) this.#unwatched += 1;
    } else if (event.type === 'missed' || event.type === 'declined') this.#showLeft(event.task, null);
  }

  /** Somebody wants to know: from now on it watches for a while. */
  ask(): EgressReport {
    this.#until = this.#clock.now() + WATCH_MS;
    return {
      watchedUntil: this.#isAlways ? null : new Date(this.#until).toISOString(),
      last: this.#last,
      unwatched: this.#unwatched,
    };
  }

  /** Shows it as the latest from now on. @returns false for an update that was not looked at */
  #showLeft(task: Task, receipt: Receipt | null): boolean {
    const key = keyOf(task);
    const egress = this.#leaving.get(key);
    if (!egress) return false;
    this.#leaving.delete(key);
    this.#last = { egress, at: new Date(this.#clock.now()).toISOString(), receipt };
    this.#unwatched = 0;
    return true;
  }
}

function keyOf({ jobId, round, attempt }: Pick<Task, 'jobId' | 'round' | 'attempt'>): string {
  return `${jobId} ${round} ${attempt}`;
}
