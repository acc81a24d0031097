/**
 * Tasks of several jobs under way at once: one of each job, so many together, the rest waits. Which of those that wait
 * comes next is decided by what their jobs have had so far.
 */
import type { Task } from '../schemas/task.ts';

export interface TaskPoolOptions {
  /** At least 1. */
  readonly atOnce: number;
  /**
   * Rejects with what ends the life of the node.
   * @param superseded aborted once its job has gone on to another round or attempt
   */
  perform(task: Task, superseded: AbortSignal): Promise<void>;
  /** What the job of this task has had: the least comes first, of equals the first offered. */
  attained(task: Task): number;
}

interface UnderWay {
  readonly key: string;
  readonly superseded: AbortController;
  readonly work: Promise<void>;
}

export class TaskPool {
  readonly #options: TaskPoolOptions;
  /** Begun or done, and still offered when last heard: not to be begun again. */
  readonly #dealtWith = new Set<string>();
  /** By job. */
  readonly #underWay = new Map<string, UnderWay>();
  #waiting: readonly Task[] = [];
  #failure: { readonly error: unknown } | undefined;
  #isClosed = false;
  /** Rejects with what a task has failed with. */
  readonly failed: Promise<never>;
  #fail: (error: unknown) => void = () => {};
  #changed: (() => void)[] = [];

  constructor(options: TaskPoolOptions) {
    this.#options = options;
    this.failed = new Promise((_, reject) => {
      this.#fail = reject;
    });
    this.failed.catch(() => {}); // whoever waits for room hears of it too
  }

  /** What `failed` rejects with. */
  get failure(): { readonly error: unknown } | undefined {
    return this.#failure;
  }

  /** All that the node is asked to do now, in place of what it was asked before. */
  offer(tasks: readonly Task[]): void {
    const offered = new Set(tasks.map(keyOf));
    for (const key of this.#dealtWith) if (!offered.has(key)) this.#dealtWith.delete(key);
    this.#waiting = tasks;
    // A task that is merely gone may be about to have its receipt; not so one in whose place there is another.
    for (const task of tasks) {
      const running = this.#underWay.get(task.jobId);
      if (running && !offered.has(running.key)) running.superseded.abort();
    }
    this.#startWaiting();
  }

  /** Resolves when another task could be begun; rejects as `failed`. */
  async room(): Promise<void> {
    while (this.#underWay.size >= this.#options.atOnce) await this.#change();
  }

  /** Nothing is begun any more; resolves when nothing is under way. */
  async close(): Promise<void> {
    this.#isClosed = true;
    while (this.#underWay.size > 0)
      await Promise.allSettled([...this.#underWay.values()].map(({ work }) => work));
  }

  #change(): Promise<void> {
    const next = new Promise<void>((resolve) => this.#changed.push(resolve));
    return Promise.race([next, this.failed]);
  }

  #startWaiting(): void {
    const { atOnce, attained } = this.#options;
    while (!this.#isClosed && this.#underWay.size < atOnce) {
      const [next] = this.#waiting
        .filter((task) => !this.#dealtWith.has(keyOf(task)) && !this.#underWay.has(task.jobId))
        .map((task) => ({ task, had: attained(task) }))
        .sort((a, b) => a.had - b.had);
      if (!next) return;
      this.#start(next.task);
    }
  }

  #start(task: Task): void {
    this.#dealtWith.add(keyOf(task));
    const superseded = new AbortController();
    const work = this.#options
      .perform(task, superseded.signal)
      .catch((error: unknown) => {
        this.#isClosed = true;
        this.#failure ??= { error };
        this.#fail(error);
      })
      .finally(() => {
        this.#underWay.delete(task.jobId);
        this.#startWaiting();
        const changed = this.#changed;
        this.#changed = [];
        for (const resolve of changed) resolve();
      });
    this.#underWay.set(task.jobId, { key: keyOf(task), superseded, work });
  }
}

function keyOf({ type, jobId, round, attempt }: Task): string {
  return `${type}/${jobId}/${round}/${attempt}`;
}
