/**
 * The privacy budgets of a node at every door of a job that makes a promise: whether it can be kept is asked before
 * anything of the job is fetched, its cost is kept before any row is read, and each attempt is drawn before its lot and its
 * noise are. A refusal tells the coordinator its code; the figures are for the owner.
 */
import { jobPrivacy } from '../protocol/dp/job-privacy.ts';
import { HanseError, isProblem } from '../protocol/problem.ts';
import type { Directory } from '../schemas/directory.ts';
import type { JobManifest, JobPhase } from '../schemas/job.ts';
import { type LedgerReport, REPORTED_JOBS_MAX } from '../schemas/privacy-ledger.ts';
import type { Task } from '../schemas/task.ts';
import type { CoordinatorApi } from './coordinator-api.ts';
import type { DataSet } from './data/data-set.ts';
import type { PrivacyLedger } from './privacy-ledger.ts';

export interface PrivacyGuardOptions {
  /** Holds the budgets; absent: no data set has one. */
  readonly ledger?: PrivacyLedger;
  /** The one that this node has pinned: it says whose node has created a job. */
  readonly directory: () => Directory | undefined;
}

/** How the coordinator is asked. */
interface Asking {
  readonly api: CoordinatorApi;
  readonly signal: AbortSignal;
}

type JobTask = Pick<Task, 'jobId' | 'manifestSha256' | 'round' | 'attempt'>;

/** What a job has been granted. */
export interface SpendingRight {
  /**
   * Before rows are read for this attempt. Durable once it resolves.
   * @throws `taskAnswered` where it was drawn already, so that noise for it may have left: a second draw of noise would be
   *   another answer; `budgetExceeded`; as `openLedger`
   */
  draw(): Promise<void>;
}

const ENDED: ReadonlySet<JobPhase> = new Set<JobPhase>(['finished', 'failed', 'cancelled']);

export class PrivacyGuard {
  readonly #options: PrivacyGuardOptions;

  constructor(options: PrivacyGuardOptions) {
    this.#options = options;
  }

  /**
   * Whether one of the data sets has room for all rounds of the job; nothing is kept. Resolves for a job without a promise.
   * @throws `budgetMissing`, `budgetExceeded`, `neighbouringMismatch`, `messageConflict`: of the first data set;
   *   as `openLedger`
   */
  async consider(
    task: JobTask,
    manifest: JobManifest,
    dataSets: readonly DataSet[],
    asking: Asking,
  ): Promise<void> {
    if (!jobPrivacy(manifest)) return;
    let first: unknown;
    for (const set of dataSets) {
      try {
        await this.#room(task, manifest, set, asking);
        return;
      } catch (error) {
        if (!isProblem(error)) throw error;
        first ??= error;
      }
    }
    throw first;
  }

  /**
   * Keeps the cost of all rounds, once a job. Undefined for a job without a promise.
   * @throws as `consider`, of this data set
   */
  async reserve(
    task: JobTask,
    manifest: JobManifest,
    set: DataSet,
    asking: Asking,
  ): Promise<SpendingRight | undefined> {
    if (!jobPrivacy(manifest)) return undefined;
    const ledger = await this.#room(task, manifest, set, asking);
    const { jobId: useId, round, attempt } = task;
    const kept = (await ledger.view()).reservationOf(useId);
    const author = kept ? kept.author : await this.#authorOf(task, asking);
    await ledger.reserve({ ...promiseOf(task, manifest, set.examples.name), author });
    return {
      draw: async () => {
        const isNews = await ledger.draw({ useId, round, attempt });
        if (!isNews) throw new HanseError('taskAnswered', { jobId: useId, round, attempt });
      },
    };
  }

  /** For the coordinator, which compares it with what it has seen; undefined without a ledger. Throws as `openLedger`. */
  async report(): Promise<LedgerReport | undefined> {
    const { ledger } = this.#options;
    if (!ledger) return undefined;
    const head = await ledger.head();
    const jobs = (await ledger.view()).draws().filter(({ useId }) => useId.startsWith('job-'));
    const draws = jobs.map(({ useId, draws: count }) => ({ jobId: useId, draws: count }));
    return { head, draws: draws.slice(-REPORTED_JOBS_MAX) };
  }

  /** The ledger, if it has room for the job, with what jobs that have ended did not draw. */
  async #room(task: JobTask, manifest: JobManifest, set: DataSet, asking: Asking): Promise<PrivacyLedger> {
    const { ledger } = this.#options;
    if (!ledger || !set.budget) throw new HanseError('budgetMissing', { dataSet: set.examples.name });
    const view = await ledger.view();
    const author = view.reservationOf(task.jobId)?.author ?? null;
    const promise = { ...promiseOf(task, manifest, set.examples.name), author };
    const judge = () => view.judge({ type: 'reserve', at: '', ...promise });
    try {
      judge();
    } catch (error) {
      if (!isProblem(error, 'budgetExceeded')) throw error;
      await this.#settleEnded(ledger, asking);
      judge();
    }
    return ledger;
  }

  /** What the coordinator says of the end of a job frees only what was not drawn. */
  async #settleEnded(ledger: PrivacyLedger, { api, signal }: Asking): Promise<void> {
    for (const useId of (await ledger.view()).unsettled()) {
      if (!useId.startsWith('job-')) continue;
      const isOver = await api.call('getJob', { params: { jobId: useId }, query: {} }, { signal }).then(
        ({ phase }) => ENDED.has(phase),
        (error: unknown) => {
          if (isProblem(error, 'jobUnknown')) return true;
          throw error;
        },
      );
      if (isOver) await ledger.settle({ useId });
    }
  }

  /** The organisation whose node has created the job, as the coordinator says; null where that is nobody known. */
  async #authorOf({ jobId }: JobTask, { api, signal }: Asking): Promise<string | null> {
    const { createdBy } = await api.call('getJob', { params: { jobId }, query: {} }, { signal });
    const organisations = this.#options.directory()?.organisations ?? [];
    const author = organisations.find(({ nodes }) => nodes.some(({ nodeId }) => nodeId === createdBy));
    return author?.organisationId ?? null;
  }
}

/** What the ledger would keep of the job on this data set. Throws TypeError for a job without a promise. */
export function promiseOf(
  { jobId, manifestSha256 }: Pick<JobTask, 'jobId' | 'manifestSha256'>,
  manifest: JobManifest,
  dataSet: string,
) {
  const promise = jobPrivacy(manifest);
  if (!promise) throw new TypeError('a job without a promise costs nothing');
  const { unit, neighbouring, round: event, times: rounds } = promise;
  const { name, purpose } = manifest;
  const matter = { useId: jobId, manifestSha256, name, purpose, dataSet };
  return { ...matter, unit, neighbouring, event, rounds };
}
