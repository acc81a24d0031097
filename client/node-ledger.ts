/**
 * What jobs have taken of this node: time of its engine, steps, bytes. For its limits, its owner, and nobody else.
 */
import type { JobSpending } from '../schemas/node-status.ts';

/** One task's share, each at least 0. */
export type Spending = Omit<JobSpending, 'name'>;

const NOTHING: Spending = { milliseconds: 0, steps: 0, rounds: 0, bytesUp: 0, bytesDown: 0 };

/** Jobs that are remembered; those that were quiet longest are forgotten first. */
const REMEMBERED = 1000;

export class NodeLedger {
  readonly #jobs: Map<string, JobSpending>;
  readonly #changed: () => void;

  /** @param changed called after every entry, for whoever keeps it */
  constructor(stored: Readonly<Record<string, JobSpending>> = {}, changed: () => void = () => {}) {
    this.#jobs = new Map(Object.entries(stored));
    this.#changed = changed;
  }

  add(jobId: string, name: string, spending: Partial<Spending>): void {
    const before = this.#jobs.get(jobId) ?? { name, ...NOTHING };
    const sum = { ...before };
    for (const key of Object.keys(NOTHING) as (keyof Spending)[]) sum[key] += spending[key] ?? 0;
    this.#jobs.delete(jobId);
    this.#jobs.set(jobId, sum);
    const [oldest] = this.#jobs.keys();
    if (this.#jobs.size > REMEMBERED && oldest !== undefined) this.#jobs.delete(oldest);
    this.#changed();
  }

  /** All zero for a job that has taken nothing. */
  of(jobId: string): Spending {
    return this.#jobs.get(jobId) ?? NOTHING;
  }

  /** Of this job; undefined before its first step. */
  millisecondsPerStep(jobId: string): number | undefined {
    const { milliseconds, steps } = this.of(jobId);
    return steps > 0 ? milliseconds / steps : undefined;
  }

  /** The one that was active last comes last. */
  toJSON(): Record<string, JobSpending> {
    return Object.fromEntries(this.#jobs);
  }
}
