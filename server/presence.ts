/**
 * Which nodes are there. SPEC.md 8.2. A node is live while a request of it waits, for a while after its last one, and
 * while it has a stream of tasks open on which it does not owe an answer for that long.
 *
 * Why an answer: what is written to a connection goes well for minutes after a cable was cut, and for ever if the
 * process at its other end is stopped; only somebody who reads can say that it was read.
 *
 * In memory only: after a restart the nodes show themselves by asking for work.
 */
import type { Clock } from '../protocol/clock.ts';
import type { NodeId } from '../schemas/ids.ts';

/** A stream of tasks, as far as it tells that its node is there. */
export interface OpenStream {
  /** The node has opened another one, or this one was closed. */
  readonly isOver: boolean;
  /** For how long an answer has been owed; 0 if none is. */
  readonly owedMs: number;
  /** Something was written to which a node that is there reacts. */
  ask(): void;
  /** Resolves when the node is woken, after `milliseconds`, or when the signal aborts. */
  wait(milliseconds: number, signal: AbortSignal): Promise<void>;
  /** @param isBroken the node is then not live until it is seen again, which is expected as after a request */
  close(isBroken: boolean): void;
}

interface Stream {
  /** When the question was written that the node has not answered yet. */
  askedAt: number | undefined;
}

type Waiters = Map<NodeId, Set<() => void>>;

export class Presence {
  readonly #clock: Clock;
  readonly #windowMs: number;
  readonly #lastSeen = new Map<NodeId, number>();
  readonly #waiting: Waiters = new Map();
  /** Of each node the latest. */
  readonly #streams = new Map<NodeId, Stream>();
  readonly #listening: Waiters = new Map();
  /** Nodes whose stream broke, until they are seen again. */
  readonly #absent = new Set<NodeId>();
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
    this.#absent.delete(nodeId);
    const stream = this.#streams.get(nodeId);
    if (stream) stream.askedAt = undefined;
    if (!wasLive) for (const arrived of this.#arrivals) arrived();
  }

  /** A request of the node that may be its answer to what its stream has told it. */
  heard(nodeId: NodeId): void {
    if (this.#streams.has(nodeId)) this.saw(nodeId);
  }

  /** The connection of the node broke: it is neither live nor expected until it is seen again. */
  lost(nodeId: NodeId): void {
    if (!this.#waiting.has(nodeId) && !this.#streams.has(nodeId))
      this.#lastSeen.set(nodeId, Number.NEGATIVE_INFINITY);
  }

  isLive(nodeId: NodeId): boolean {
    if (this.#waiting.has(nodeId)) return true;
    const stream = this.#streams.get(nodeId);
    if (stream && (stream.askedAt === undefined || this.#isRecent(stream.askedAt))) return true;
    const seen = this.#lastSeen.get(nodeId);
    return seen !== undefined && this.#isRecent(seen) && !this.#absent.has(nodeId);
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

  /** Opens the stream of a node; the one that it had before is over. */
  open(nodeId: NodeId): OpenStream {
    const stream: Stream = { askedAt: undefined };
    this.saw(nodeId);
    this.#streams.set(nodeId, stream);
    this.wake(nodeId);
    const isOver = () => this.#streams.get(nodeId) !== stream;
    const clock = this.#clock;
    return {
      get isOver() {
        return isOver();
      },
      get owedMs() {
        return stream.askedAt === undefined ? 0 : Math.abs(clock.now() - stream.askedAt);
      },
      ask: () => {
        stream.askedAt ??= clock.now();
      },
      wait: (milliseconds, signal) => this.#hold(this.#listening, nodeId, milliseconds, signal),
      close: (isBroken) => {
        if (isOver()) return;
        if (this.isLive(nodeId)) this.#lastSeen.set(nodeId, clock.now());
        this.#streams.delete(nodeId);
        if (isBroken) this.#absent.add(nodeId);
      },
    };
  }

  get streams(): number {
    return this.#streams.size;
  }

  /** Resolves when the node is woken, after `milliseconds`, or when the signal aborts. The node is live meanwhile. */
  wait(nodeId: NodeId, milliseconds: number, signal: AbortSignal): Promise<void> {
    return this.#hold(this.#waiting, nodeId, milliseconds, signal);
  }

  #hold(waiting: Waiters, nodeId: NodeId, milliseconds: number, signal: AbortSignal): Promise<void> {
    return new Promise((resolve) => {
      if (signal.aborted) return resolve();
      const waiters = waiting.get(nodeId) ?? new Set();
      const done = () => {
        cancel();
        signal.removeEventListener('abort', done);
        waiters.delete(done);
        if (waiters.size === 0 && waiting.get(nodeId) === waiters) waiting.delete(nodeId);
        resolve();
      };
      const cancel = this.#clock.schedule(this.#clock.now() + milliseconds, done);
      signal.addEventListener('abort', done, { once: true });
      waiters.add(done);
      waiting.set(nodeId, waiters);
    });
  }

  wake(nodeId: NodeId): void {
    for (const waiting of [this.#waiting, this.#listening])
      for (const done of [...(waiting.get(nodeId) ?? [])]) done();
  }

  /** Ends every wait, for shutting down. */
  wakeAll(): void {
    for (const waiting of [this.#waiting, this.#listening])
      for (const nodeId of [...waiting.keys()]) this.wake(nodeId);
  }
}
