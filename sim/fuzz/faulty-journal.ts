/**
 * What a node of the fuzzer has written down of the attempts that it has spent: it outlives its processes, takes its time,
 * and fails on demand. It promises what `AttemptLog` promises, and nothing beyond it.
 */
import type { AttemptLog } from '../../client/attempt-journal.ts';
import { HanseError } from '../../protocol/problem.ts';
import type { JobAttempts } from '../../schemas/attempts.ts';
import type { JournalFault } from '../../schemas/fuzz-schedule.ts';
import type { VirtualClock } from '../virtual-clock.ts';
import { KeyedNumbers } from './keyed-numbers.ts';
import type { Life } from './machine.ts';

/** Longest time that one half of writing takes, in milliseconds. */
const SLOWEST_MS = 4;

export interface JournalOptions {
  readonly world: VirtualClock;
  readonly seed: number;
  /** Of the node. */
  readonly index: number;
  /** Of this node alone. */
  readonly faults: readonly JournalFault[];
  /** The process that writes, to be started again after so many milliseconds. */
  kill(downMs: number): void;
  /** A fault happens. */
  befell(fault: JournalFault): void;
}

export class FaultyJournal {
  readonly #options: JournalOptions;
  /** What is durable, by job. */
  readonly #jobs = new Map<string, JobAttempts>();
  #writes = 0;

  constructor(options: JournalOptions) {
    this.#options = options;
  }

  /** The journal as one process of the node sees it. */
  mount(life: Life): AttemptLog {
    return {
      read: async (jobId) => structuredClone(this.#jobs.get(jobId)),
      write: (jobId, attempts) => this.#write(life, jobId, structuredClone(attempts)),
    };
  }

  async #write(life: Life, jobId: string, attempts: JobAttempts): Promise<void> {
    const { seed, index, faults, kill, befell } = this.#options;
    const at = this.#writes;
    this.#writes += 1;
    if (!life.isAlive) return new Promise(() => {});
    const fault = faults.find((one) => one.at === at);
    if (fault) befell(fault);
    const numbers = new KeyedNumbers('journal', seed, index, at);
    await this.#sleep(life, numbers.between(1, SLOWEST_MS));
    if (fault?.what === 'fails') throw failure(numbers);
    if (fault?.what !== 'killed before') this.#jobs.set(jobId, attempts);
    if (fault?.what === 'killed before' || fault?.what === 'killed after') {
      kill(fault.downMs);
      return new Promise(() => {});
    }
    await this.#sleep(life, numbers.between(1, SLOWEST_MS));
    if (fault?.what === 'fails late') throw failure(numbers);
  }

  #sleep(life: Life, milliseconds: number): Promise<void> {
    const { world } = this.#options;
    return new Promise((resolve) => {
      world.schedule(world.now() + milliseconds, () => life.run(resolve));
    });
  }
}

function failure(numbers: KeyedNumbers): HanseError {
  const path = 'journal of the fuzzer';
  if (numbers.between(0, 1) === 0) return new HanseError('storageFull', { path });
  return new HanseError('storageFailed', { path, reason: 'a fault of the schedule' });
}
