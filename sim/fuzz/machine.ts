/**
 * A machine of the fuzzer: a clock of its own, and a process that can be killed, started again and stopped for a while.
 *
 * A process that was killed is not cleaned up. Its code stays where it was for ever: no timer of it fires, nothing that
 * it waits for comes, and what it does all the same reaches neither the disk nor the network.
 */
import type { Clock } from '../../protocol/clock.ts';
import type { VirtualClock } from '../virtual-clock.ts';

export class Machine {
  readonly world: VirtualClock;
  /** What its clock is ahead of the world, in milliseconds. */
  offsetMs = 0;
  /** Until then, in the time of the world, nothing moves here. */
  frozenUntil = 0;
  /** Messages sent so far, by all of its processes, and those of each route among them. */
  messages = 0;
  readonly #messagesOf = new Map<string, number>();
  /** Processes started so far. */
  lives = 0;
  #life: Life | undefined;

  constructor(world: VirtualClock) {
    this.world = world;
  }

  get life(): Life | undefined {
    return this.#life;
  }

  /** Starts a process in place of the one that has been killed. */
  start(): Life {
    this.lives += 1;
    this.#life = new Life(this);
    return this.#life;
  }

  /** Counts a message; returns its number among all, and among those of its route, each from 0. */
  send(route: string): { readonly message: number; readonly ofRoute: number } {
    const sent = { message: this.messages, ofRoute: this.#messagesOf.get(route) ?? 0 };
    this.messages += 1;
    this.#messagesOf.set(route, sent.ofRoute + 1);
    return sent;
  }

  kill(): void {
    const life = this.#life;
    this.#life = undefined;
    life?.end();
  }
}

/** One process, from its start to its kill. */
export class Life {
  readonly clock: Clock;
  readonly #machine: Machine;
  readonly #mourners = new Set<() => void>();
  #isAlive = true;

  constructor(machine: Machine) {
    this.#machine = machine;
    const { world } = machine;
    const now = () => world.now() + machine.offsetMs;
    this.clock = {
      now,
      // As the timers of a system: they count from when they are set, and do not see that a clock is set.
      schedule: (at, work) => world.schedule(world.now() + Math.max(0, at - now()), () => this.run(work)),
    };
  }

  get isAlive(): boolean {
    return this.#isAlive;
  }

  /** Does this work of the process: later if the machine is frozen, never if the process has been killed. */
  run(work: () => void): void {
    if (!this.#isAlive) return;
    const { world, frozenUntil } = this.#machine;
    if (world.now() < frozenUntil) world.schedule(frozenUntil, () => this.run(work));
    else work();
  }

  /** Calls back when the process is killed; returns how to stop that. */
  onEnd(ended: () => void): () => void {
    this.#mourners.add(ended);
    return () => this.#mourners.delete(ended);
  }

  end(): void {
    this.#isAlive = false;
    for (const ended of this.#mourners) ended();
    this.#mourners.clear();
  }
}
