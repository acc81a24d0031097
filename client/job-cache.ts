/**
 * Jobs that this node has checked and compiled, kept loaded from round to round.
 *
 * Fetching, checking and compiling happen once a job, even if several rounds ask at once. A failure is not kept. Only
 * the most recently used jobs stay loaded. Nodes that share a process, as in a simulation, may share a cache: sessions
 * hold no state between trainings.
 */
import type { Task } from '../schemas/task.ts';
import type { CoordinatorApi } from './coordinator-api.ts';
import type { Evaluator } from './engine/evaluator.ts';
import type { ExecutionProvider } from './engine/provider.ts';
import type { Trainer } from './engine/trainer.ts';
import { type PreparedJob, prepareEvaluation, prepareJob, prepareTraining } from './prepared-job.ts';

/** Jobs that stay loaded. */
const CAPACITY = 4;

interface Entry {
  readonly job: Promise<PreparedJob>;
  trainer?: Promise<Trainer>;
  evaluator?: Promise<Evaluator>;
}

export class JobCache {
  readonly #provider: ExecutionProvider;
  /** By manifest hash; the least recently used comes first. */
  readonly #entries = new Map<string, Entry>();

  constructor(provider: ExecutionProvider) {
    this.#provider = provider;
  }

  /** @throws what `prepareJob` and `prepareTraining` throw */
  trainer(task: Task, api: CoordinatorApi): Promise<{ job: PreparedJob; trainer: Trainer }> {
    return this.#with(task, api, async (entry) => {
      const job = await entry.job;
      entry.trainer ??= prepareTraining(job, this.#provider);
      return { job, trainer: await entry.trainer };
    });
  }

  /** @throws what `prepareJob` and `prepareEvaluation` throw */
  evaluator(task: Task, api: CoordinatorApi): Promise<{ job: PreparedJob; evaluator: Evaluator }> {
    return this.#with(task, api, async (entry) => {
      const job = await entry.job;
      entry.evaluator ??= prepareEvaluation(job, this.#provider);
      return { job, evaluator: await entry.evaluator };
    });
  }

  /** Frees all sessions. */
  async release(): Promise<void> {
    const entries = [...this.#entries.values()];
    this.#entries.clear();
    await Promise.all(entries.map(releaseEntry));
  }

  async #with<Result>(
    task: Task,
    api: CoordinatorApi,
    use: (entry: Entry) => Promise<Result>,
  ): Promise<Result> {
    const key = task.manifestSha256;
    const entry = this.#entries.get(key) ?? { job: prepareJob(task, api) };
    this.#entries.delete(key);
    this.#entries.set(key, entry);
    const [oldest] = this.#entries;
    if (this.#entries.size > CAPACITY && oldest) {
      this.#entries.delete(oldest[0]);
      await releaseEntry(oldest[1]);
    }
    try {
      return await use(entry);
    } catch (error) {
      if (this.#entries.get(key) === entry) this.#entries.delete(key);
      throw error;
    }
  }
}

/** What could not be loaded needs no release. */
async function releaseEntry({ trainer, evaluator }: Entry): Promise<void> {
  for (const loading of [trainer, evaluator]) {
    const loaded = await loading?.catch(() => undefined);
    await loaded?.release();
  }
}
