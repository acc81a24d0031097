/**
 * Jobs that this node has checked and compiled, kept loaded from round to round.
 *
 * Fetching, checking and compiling happen once a job, even if several rounds ask at once. A failure is not kept. Only
 * the most recently used jobs stay loaded. Nodes that share a process, as in a simulation, may share a cache: sessions
 * hold no state between trainings.
 */
import { isStatistic, type JobManifest, type StatisticManifest } from '../schemas/job.ts';
import type { Task } from '../schemas/task.ts';
import type { CoordinatorApi } from './coordinator-api.ts';
import type { Evaluator } from './engine/evaluator.ts';
import type { LocalTrainer } from './engine/local-training.ts';
import type { LotTrainer } from './engine/lot-trainer.ts';
import type { ExecutionProvider } from './engine/provider.ts';
import type { Trainer } from './engine/trainer.ts';
import type { EngineTurns } from './engine-turns.ts';
import type { CompiledEpoch, CompiledLotGradient } from './graph/compiled.ts';
import { operatorsOf } from './graph/forward-graph.ts';
import {
  compileTraining,
  fetchManifest,
  loadTraining,
  type PreparedJob,
  prepareEvaluation,
  prepareManifest,
} from './prepared-job.ts';
import { unlessAborted } from './unless-aborted.ts';

/** Where a node takes its jobs from, checked and ready to run. */
export interface JobSource {
  /**
   * @param signal ends the waiting
   * @param admit asked before more of the job is fetched, again before anything is compiled, and before it is loaded
   */
  trainer(
    task: Task,
    api: CoordinatorApi,
    signal: AbortSignal,
    admit?: Admission,
  ): Promise<{ readonly job: PreparedJob; readonly trainer: LocalTrainer }>;
  /** As `trainer`. */
  evaluator(
    task: Task,
    api: CoordinatorApi,
    signal: AbortSignal,
    admit?: Admission,
  ): Promise<{ readonly job: PreparedJob; readonly evaluator: Pick<Evaluator, 'evaluate'> }>;
  /** What a statistic asks; undefined for a training. Absent: the node answers none. */
  statistic?(task: Task, api: CoordinatorApi, signal: AbortSignal): Promise<StatisticManifest | undefined>;
  /** The task for which a trainer or an evaluator was asked is over: its job may be freed. */
  done?(task: Task): void;
}

/**
 * Rejects with the problem that keeps the node from the job.
 * @param known of its graph, as far as that is fetched and compiled
 */
export type Admission = (manifest: JobManifest, known: KnownOfGraph) => Promise<void>;

export interface KnownOfGraph {
  /** Of the forward graph, as its file names them. */
  readonly operators?: readonly string[];
  /** That a train step is estimated to need. */
  readonly stepBytes?: number;
}

/** Jobs that stay loaded, and so the most that may be under way at once. */
export const CAPACITY = 4;

interface Entry {
  readonly manifest: Promise<JobManifest>;
  job?: Promise<PreparedJob>;
  training?: Promise<CompiledEpoch | CompiledLotGradient>;
  known: KnownOfGraph;
  trainer?: Promise<Trainer | LotTrainer>;
  evaluator?: Promise<Evaluator>;
  /** Tasks that are not over. */
  users: number;
}

export class JobCache implements JobSource {
  readonly #provider: ExecutionProvider;
  readonly #turns: EngineTurns | undefined;
  /** By manifest hash; the least recently used comes first. */
  readonly #entries = new Map<string, Entry>();
  /** Ends what is being fetched when the cache is released. */
  readonly #life = new AbortController();

  /** @param turns where jobs under way at the same time share the engine */
  constructor(provider: ExecutionProvider, turns?: EngineTurns) {
    this.#provider = provider;
    this.#turns = turns;
  }

  /**
   * @param signal ends the waiting, not the loading, which may serve others and the next round
   * @throws what `prepareJob` and `prepareTraining` throw; what `admit` throws; the reason of the signal
   */
  trainer(
    task: Task,
    api: CoordinatorApi,
    signal: AbortSignal,
    admit: Admission = permit,
  ): Promise<{ job: PreparedJob; trainer: Trainer | LotTrainer }> {
    const loading = this.#with(task, api, async (entry) => {
      const manifest = await entry.manifest;
      const job = await this.#admitted(entry, task, api, admit);
      if (!entry.trainer) {
        const training = await this.#trainingOf(entry, job);
        entry.known = { ...entry.known, stepBytes: training.cost.peakBytes };
        await admit(manifest, entry.known);
        this.#life.signal.throwIfAborted();
        entry.trainer ??= loadTraining(this.#providerFor(task), training).catch((error: unknown) => {
          delete entry.trainer;
          throw error;
        });
        delete entry.training; // its bytes: the session has its own
      }
      return { job, trainer: await entry.trainer };
    });
    return unlessAborted(loading, signal);
  }

  /**
   * @param signal as for `trainer`
   * @throws what `prepareJob` and `prepareEvaluation` throw; what `admit` throws; the reason of the signal
   */
  evaluator(
    task: Task,
    api: CoordinatorApi,
    signal: AbortSignal,
    admit: Admission = permit,
  ): Promise<{ job: PreparedJob; evaluator: Evaluator }> {
    const loading = this.#with(task, api, async (entry) => {
      const job = await this.#admitted(entry, task, api, admit);
      entry.evaluator ??= prepareEvaluation(job, this.#providerFor(task)).catch((error: unknown) => {
        delete entry.evaluator;
        throw error;
      });
      return { job, evaluator: await entry.evaluator };
    });
    return unlessAborted(loading, signal);
  }

  async statistic(
    task: Task,
    api: CoordinatorApi,
    signal: AbortSignal,
  ): Promise<StatisticManifest | undefined> {
    const { manifest } = this.#entryOf(task, api);
    const known = await unlessAborted(manifest, signal);
    return isStatistic(known) ? known : undefined;
  }

  /** Frees all sessions; the cache cannot be used afterwards. */
  async release(): Promise<void> {
    this.#life.abort();
    const entries = [...this.#entries.values()];
    this.#entries.clear();
    await Promise.all(entries.map(releaseEntry));
  }

  async #with<Result>(
    task: Task,
    api: CoordinatorApi,
    use: (entry: Entry) => Promise<Result>,
  ): Promise<Result> {
    const entry = this.#entryOf(task, api);
    entry.users += 1;
    const oldest = [...this.#entries].find(([, { users }]) => users === 0);
    if (this.#entries.size > CAPACITY && oldest) {
      this.#entries.delete(oldest[0]);
      await releaseEntry(oldest[1]);
    }
    return use(entry);
  }

  /** The most recently used from now on. */
  #entryOf(task: Task, api: CoordinatorApi): Entry {
    const key = task.manifestSha256;
    const entry = this.#entries.get(key) ?? this.#prepare(task, api);
    this.#entries.delete(key);
    this.#entries.set(key, entry);
    return entry;
  }

  /** As `JobSource`; whoever does not say so keeps its job loaded. */
  done({ manifestSha256 }: Task): void {
    const entry = this.#entries.get(manifestSha256);
    if (entry && entry.users > 0) entry.users -= 1;
  }

  #providerFor({ manifestSha256 }: Task): ExecutionProvider {
    return this.#turns?.provider(manifestSha256, this.#provider) ?? this.#provider;
  }

  /** An entry that is forgotten if the job cannot be prepared; what else fails, fails without the rest of it. */
  #prepare(task: Task, api: CoordinatorApi): Entry {
    const entry: Entry = { manifest: fetchManifest(task, api, this.#life.signal), known: {}, users: 0 };
    entry.manifest.catch(() => this.#forget(task, entry));
    return entry;
  }

  #forget({ manifestSha256 }: Task, entry: Entry): void {
    if (this.#entries.get(manifestSha256) === entry) this.#entries.delete(manifestSha256);
  }

  /** Asked before the graph is fetched, and again where only its operators were wanting. */
  async #admitted(entry: Entry, task: Task, api: CoordinatorApi, admit: Admission): Promise<PreparedJob> {
    const manifest = await entry.manifest;
    const asked = entry.known;
    await admit(manifest, asked);
    const job = await this.#jobOf(entry, task, api);
    // By what this task was asked: another one may have read the graph since, and was asked about it for itself alone.
    if (asked.operators) return job;
    entry.known = { ...entry.known, operators: operatorsOf(job.forward) };
    await admit(manifest, entry.known);
    return job;
  }

  /** Nothing is loaded after the release, when nobody would free it. */
  async #jobOf(entry: Entry, task: Task, api: CoordinatorApi): Promise<PreparedJob> {
    const manifest = await entry.manifest;
    if (!entry.job) {
      entry.job = prepareManifest(task, manifest, api, this.#life.signal);
      entry.job.catch(() => this.#forget(task, entry));
    }
    const prepared = await entry.job;
    this.#life.signal.throwIfAborted();
    return prepared;
  }

  async #trainingOf(entry: Entry, job: PreparedJob): Promise<CompiledEpoch | CompiledLotGradient> {
    entry.training ??= compileTraining(job).catch((error: unknown) => {
      delete entry.training;
      throw error;
    });
    return entry.training;
  }
}

async function permit(): Promise<void> {}

/** What could not be loaded needs no release. */
async function releaseEntry({ trainer, evaluator }: Entry): Promise<void> {
  for (const loading of [trainer, evaluator]) {
    const loaded = await loading?.catch(() => undefined);
    await loaded?.release();
  }
}
