/**
 * One engine, many jobs: each run of a graph is a turn, and `client/fair-share.ts` says whose it is. A run takes some
 * tenths of a second at most (`client/engine/trainer.ts`), so that jobs go on side by side although one computes at a
 * time; and as one step computes at a time, its memory is that of one step, whichever job it belongs to.
 */
import type { ExecutionProvider, HoldingSession, Session } from './engine/provider.ts';
import { arrive, begin, charge, forgetBehind, NO_SHARES, nextTurn, type Shares } from './fair-share.ts';

export interface EngineTurnsOptions {
  /** Milliseconds, monotonic. */
  now(): number;
  /**
   * Calls back when what follows from the latest run has been done: a job that wants to go on has then said so. Without
   * it turns would alternate, and be shared by number and not by time.
   */
  soon(work: () => void): void;
}

export class EngineTurns {
  readonly #options: EngineTurnsOptions;
  /** In the order of arrival. */
  readonly #waiting: { readonly key: string; readonly start: () => void }[] = [];
  readonly #used = new Map<string, number>();
  #shares: Shares = NO_SHARES;
  #isTaken = false;
  #isDue = false;

  constructor(options: EngineTurnsOptions) {
    this.#options = options;
  }

  /** Milliseconds of the engine that a job has had. */
  used(key: string): number {
    return this.#used.get(key) ?? 0;
  }

  /** A provider whose sessions run in the turns of this job. */
  provider(key: string, provider: ExecutionProvider): ExecutionProvider {
    const { createHoldingSession } = provider;
    return {
      ...provider,
      createSession: async (bytes) => this.#session(key, await provider.createSession(bytes)),
      ...(createHoldingSession && {
        createHoldingSession: async (bytes, held) =>
          this.#holdingSession(key, await createHoldingSession(bytes, held)),
      }),
    };
  }

  /** Settles as `work` does, once it was this job's turn. */
  async take<Result>(key: string, work: () => Promise<Result>): Promise<Result> {
    await this.#turn(key);
    const { now } = this.#options;
    const from = now();
    try {
      return await work();
    } finally {
      const cost = Math.max(0, now() - from);
      this.#used.set(key, this.used(key) + cost);
      this.#shares = charge(this.#shares, key, cost);
      this.#isTaken = false;
      this.#callNext();
    }
  }

  #session(key: string, session: Session): Session {
    return {
      run: (feeds) => this.take(key, () => session.run(feeds)),
      release: () => session.release(),
    };
  }

  #holdingSession(key: string, session: HoldingSession): HoldingSession {
    return {
      hold: (values) => {
        const held = session.hold(values);
        return {
          run: (feeds) => this.take(key, () => held.run(feeds)),
          read: () => this.take(key, () => held.read()),
          release: () => held.release(),
        };
      },
      release: () => session.release(),
    };
  }

  #turn(key: string): Promise<void> {
    return new Promise((start) => {
      this.#shares = arrive(
        this.#shares,
        key,
        this.#waiting.map((waiter) => waiter.key),
      );
      this.#waiting.push({ key, start });
      if (!this.#isTaken && !this.#isDue) this.#next();
    });
  }

  #callNext(): void {
    if (this.#waiting.length === 0 || this.#isDue) return;
    this.#isDue = true;
    this.#options.soon(() => {
      this.#isDue = false;
      if (!this.#isTaken) this.#next();
    });
  }

  #next(): void {
    const key = nextTurn(
      this.#shares,
      this.#waiting.map((waiter) => waiter.key),
    );
    const index = this.#waiting.findIndex((waiter) => waiter.key === key);
    const [waiter] = index < 0 ? [] : this.#waiting.splice(index, 1);
    if (!waiter) return;
    this.#isTaken = true;
    this.#shares = begin(this.#shares, waiter.key);
    this.#shares = forgetBehind(this.#shares, (other) => other === waiter.key || this.#isWaiting(other));
    waiter.start();
  }

  #isWaiting(key: string): boolean {
    return this.#waiting.some((waiter) => waiter.key === key);
  }
}
