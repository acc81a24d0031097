/**
 * Which content members may fetch: what a manifest or an aggregation names, and no message of a participant. What a round has
 * come to is for those who measure it alone, until the witnesses of the log have seen it: SPEC.md 13.13.
 */
import type { JobState } from '../protocol/round-state.ts';
import type { JobId, Sha256 } from '../schemas/ids.ts';
import { isStatistic } from '../schemas/job.ts';
import type { Role } from '../schemas/member.ts';
import type { JobModel } from './model-downloads.ts';
import type { Witnessing } from './witnessing.ts';

/** Models of a job from which the present one is told as a difference: a node that missed a few rounds has one of them. */
const DELTA_BASES = 8;

export interface ReadableSurroundings {
  /** Of all jobs as they are now. */
  readonly states: () => Iterable<JobState>;
  readonly stateOf: (jobId: JobId) => JobState | undefined;
  /** Absent: there is none, and nothing waits for its witnesses. */
  readonly log?: { readonly size: number } | undefined;
  readonly witnessing: Pick<Witnessing, 'has'> | undefined;
}

/** What a round has come to and is not released. */
interface Unreleased {
  readonly model: Sha256;
  readonly contents: readonly Sha256[];
  /** Which the log had, which tells of it. */
  readonly size: number;
}

export class ReadableContent {
  readonly #around: ReadableSurroundings;
  /** The job that has named it last. */
  readonly #jobOf = new Map<Sha256, JobId>();
  readonly #jobsOf = new Map<Sha256, Set<JobId>>();
  readonly #unreleased = new Map<JobId, Unreleased>();
  /** Of rounds that were ended before witnesses had seen what they came to: it is stored, and its hash is in the log. */
  readonly #withdrawn = new Set<Sha256>();
  readonly #bytesDown = new Map<JobId, number>();

  constructor(around: ReadableSurroundings) {
    this.#around = around;
  }

  /** After every event of a job, and when it is opened. */
  jobChanged(state: JobState): void {
    for (const sha256 of contentOf(state)) {
      this.#jobOf.set(sha256, state.jobId);
      const jobs = this.#jobsOf.get(sha256);
      if (jobs) jobs.add(state.jobId);
      else this.#jobsOf.set(sha256, new Set([state.jobId]));
    }
    this.#noteUnreleased(state);
  }

  has(sha256: Sha256): boolean {
    return this.#jobOf.has(sha256);
  }

  /** Since the coordinator started: what was withheld to the end of its job, and is no job's any more. */
  wasWithdrawn(sha256: Sha256): boolean {
    return this.#withdrawn.has(sha256);
  }

  /**
   * Whether a member of this role may fetch it. What a round has come to stands in the log, so that anybody finds its hash there:
   * until witnesses have seen that, it is for those who measure it alone.
   */
  mayFetch(sha256: Sha256, { role }: { readonly role: Role }): boolean {
    const jobId = this.#jobOf.get(sha256);
    if (jobId === undefined) return false;
    const state = this.#around.stateOf(jobId);
    const waiting = this.#unreleased.get(jobId);
    if (!state?.candidate || !waiting || role === 'evaluator') return true;
    if (this.#around.witnessing?.has(waiting.size) !== false) return true;
    return !isOfCandidateAlone(state, sha256);
  }

  /** All jobs that name it, as graphs and models that several begin with. */
  jobsOf(sha256: Sha256): Iterable<JobId> {
    return this.#jobsOf.get(sha256) ?? [];
  }

  /** Which model this is, or the opened sum from which it follows; undefined for other content. */
  modelOf(sha256: Sha256): JobModel | undefined {
    const state = this.#stateNaming(sha256);
    if (!state) return undefined;
    const { jobId, manifest, candidate, round, history } = state;
    if (sha256 === manifest.initialModel) return { jobId, round: 0, model: sha256 };
    if (candidate && [candidate.model, candidate.secure?.sum].includes(sha256))
      return { jobId, round, model: candidate.model };
    const past = history.findLast(({ model, secure }) => model === sha256 || secure?.sum === sha256);
    return past?.model ? { jobId, round: past.round, model: past.model } : undefined;
  }

  /**
   * Whether somebody may well have `base` and be about to fetch `target`: the present model of a job, or the one that is
   * being measured, and one of the models before it. There are few such pairs, however many models there have been.
   */
  isNextModel(base: Sha256, target: Sha256): boolean {
    const state = this.#stateNaming(target);
    if (!state || (target !== state.model && target !== state.candidate?.model)) return false;
    const released = state.history.map(({ model }) => model).filter((model) => model !== null);
    return [state.manifest.initialModel, ...released].slice(-DELTA_BASES).includes(base);
  }

  countDownload(sha256: Sha256, bytes: number): void {
    const jobId = this.#jobOf.get(sha256);
    if (jobId !== undefined) this.#bytesDown.set(jobId, this.bytesDown(jobId) + bytes);
  }

  /** Bytes of graphs and models sent for this job since the coordinator started. */
  bytesDown(jobId: JobId): number {
    return this.#bytesDown.get(jobId) ?? 0;
  }

  #stateNaming(sha256: Sha256): JobState | undefined {
    const jobId = this.#jobOf.get(sha256);
    return jobId === undefined ? undefined : this.#around.stateOf(jobId);
  }

  #noteUnreleased(state: JobState): void {
    const { log } = this.#around;
    const { jobId, candidate } = state;
    const known = this.#unreleased.get(jobId);
    // Of a job that was cancelled meanwhile: what no witness has seen is not released by that.
    if (known && !candidate) this.#forget(state, known.contents);
    if (!candidate || !log) this.#unreleased.delete(jobId);
    else if (known?.model !== candidate.model) {
      const { model, secure } = candidate;
      this.#unreleased.set(jobId, {
        model,
        contents: secure ? [model, secure.sum] : [model],
        size: log.size,
      });
    }
  }

  /** Nobody may fetch these any more, unless a job names them. */
  #forget(state: JobState, contents: readonly Sha256[]): void {
    const own = new Set(contentOf(state));
    for (const sha256 of contents.filter((one) => !own.has(one))) {
      const isNamed = [...this.#around.states()].some((other) => [...contentOf(other)].includes(sha256));
      if (isNamed) this.#jobsOf.get(sha256)?.delete(state.jobId);
      else {
        this.#withdrawn.add(sha256);
        this.#jobOf.delete(sha256);
        this.#jobsOf.delete(sha256);
      }
    }
  }
}

function isOfCandidateAlone(job: JobState, sha256: Sha256): boolean {
  const { candidate } = job;
  if (candidate?.model !== sha256 && candidate?.secure?.sum !== sha256) return false;
  return ![...contentOf({ ...job, candidate: null })].includes(sha256);
}

function* contentOf(job: JobState): Iterable<Sha256> {
  if (!isStatistic(job.manifest)) yield job.manifest.graph.forward;
  yield job.manifest.initialModel;
  yield job.model;
  // A node that joins a secure job makes the next model itself: 11.9.
  if (job.strategyState && job.manifest.aggregation === 'secure') yield job.strategyState;
  if (job.candidate) yield job.candidate.model;
  if (job.candidate?.secure) yield job.candidate.secure.sum;
  for (const { model, secure } of job.history) {
    if (model) yield model;
    if (secure?.sum) yield secure.sum;
  }
}
