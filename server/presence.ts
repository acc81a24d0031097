/**
 * Which nodes are there. A node is live while a request of it waits, and for a while after its last one.
 *
 * In memory only: after a restart the nodes show themselves by asking for work.
 */
import type { Clock } from '../protocol/clock.ts';
import type { NodeId } from '../schemas/ids.ts';

export class Presence {
  readonly #clock: Clock;
  readonly #windowMs: number;
  readonly #lastSeen = new Map<NodeId, number>();
  readonly #waiting = new Map<NodeId, Set<() => void>>();
  readonly #arrivals = new Set<() => void>();
  readonly #startedAt: number;

  /** @param windowMs how long a node counts as live after a request of it has ended */
  constructor(clock: Clock, windowMs: number) {
    this.#clock = clock;
    this.#windowMs = windowMs;
    this.#startedAt = clock.now();
  }

  saw(nodeId: NodeId): void {
    const wasLive = this.isLive(nodeId);
    this.#lastSeen.set(nodeId, this.#clock.now());
    if (!wasLive) for (const arrived of this.#arrivals) arrived();
  }

  /** The connection of the node broke: it is neither live nor expected until it is seen again. */
  lost(nodeId: NodeId): void {
    if (!this.#waiting.has(nodeId)) this.#lastSeen.set(nodeId, Number.NEGATIVE_INFINITY);
  }

  isLive(nodeId: NodeId): boolean {
    if (this.#waiting.has(nodeId)) return true;
    const seen = this.#lastSeen.get(nodeId);
    return seen !== undefined && this.#isRecent(seen);
  }

  /**
   * Not live, but likely to be back soon: its last request is less than `periodMs` ago. For a node not seen yet, its
   * enrolment or the start of the coordinator counts instead, whichever is later.
   *
   * @param enrolledAt as the clock's `now`
   */
  isExpected(nodeId: NodeId, enrolledAt: number, periodMs: number): boolean {
    if (this.isLive(nodeId)) return false;
    const since = this.#lastSeen.get(nodeId) ?? Math.max(this.#startedAt, enrolledAt);
    return this.#clock.now() - since < periodMs;
  }

  /** Live; or, shortly after a start, not seen yet: it may have been live before, and be on its way back. */
  mayBeLive(nodeId: NodeId): boolean {
    if (this.isLive(nodeId)) return true;
    return !this.#lastSeen.has(nodeId) && this.#isRecent(this.#startedAt);
  }

  /** A moment ahead of the clock is not recent: the clock was set back, and might need an hour to come there again. */
  #isRecent(moment: number): boolean {
    return Math.abs(this.#clock.now() - moment) < this.#windowMs;
  }

  /** Calls `arrived` whenever a node that was not live is seen, until the function returned is called. */
  onArrival(arrived: () => void): () => void {
    this.#arrivals.add(arrived);
    return () => this.#arrivals.delete(arrived);
  }

  /** Resolves when the node is woken, after `milliseconds`, or when the signal aborts. The node is live meanwhile. */
  wait(nodeId: NodeId, milliseconds: number, signal: AbortSignal): Promise<void> {
    return new Promise((resolve) => {
      if (signal.aborted) return resolve();
      const waiters = this.#waiting.get(nodeId) ?? new Set();
      const done = () => {
        cancel();
        signal.removeEventListener('abort', done);
        waiters.delete(done);
        if (waiters.size === 0 && this.#waiting.get(nodeId) === waiters) this.#waiting.delete(nodeId);
        resolve();
      };
      const cancel = this.#clock.schedule(this.#clock.now() + milliseconds, done);
      signal.addEventListener('abort', done, { once: true });
      waiters.add(done);
      this.#waiting.set(nodeId, waiters);
    });
  }

  wake(nodeId: NodeId): void {
    for (const done of [...(this.#waiting.get(nodeId) ?? [])]) done();
  }

  /** Ends every wait, for shutting down. */
  wakeAll(): void {
    for (const nodeId of [...this.#waiting.keys()]) this.wake(nodeId);
  }
}
