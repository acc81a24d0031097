/**
 * The life of a node: ask for work, do it, ask again. SPEC.md 8.1.
 *
 * Whatever goes wrong with one task, the coordinator is told by its code so that the round need not wait, the owner of
 * the node sees it, and the node goes on with the next. Only the end of the node's membership ends its life.
 */
import { primitives } from '#primitives';
import type { Clock } from '../protocol/clock.ts';
import { HanseError, isProblem, type ProblemCode } from '../protocol/problem.ts';
import type { RandomSource } from '../protocol/random.ts';
import { attemptParams } from '../protocol/routes.ts';
import { SOFTWARE } from '../protocol/versions.ts';
import type { Metrics } from '../schemas/job.ts';
import type { Role } from '../schemas/member.ts';
import type { EvaluateTask, Task, TrainTask } from '../schemas/task.ts';
import { contribute, type LocalReport } from './contribute.ts';
import type { CoordinatorApi } from './coordinator-api.ts';
import type { Examples } from './data/examples.ts';
import type { ExecutionProvider } from './engine/provider.ts';
import type { JobSource } from './job-cache.ts';
import { fetchModel } from './prepared-job.ts';
import type { SpareBuffers } from './spare-buffers.ts';
import { TaskFeed } from './task-feed.ts';

export interface ParticipantOptions {
  readonly role: Extract<Role, 'participant' | 'evaluator'>;
  /** Should repeat what fails for a while: `retrying-coordinator.ts`. */
  readonly api: CoordinatorApi;
  readonly examples: Examples;
  readonly dataSetVersion: string;
  readonly provider: ExecutionProvider;
  /** Compiled jobs: a `JobCache`, which the caller releases afterwards; nodes of a simulation share one. */
  readonly jobs: JobSource;
  /** For one task at a time of each node; nodes of a simulation share them. */
  readonly buffers: SpareBuffers;
  /** Randomness for a task: the CSPRNG, or the seeded stream of an experiment. */
  randomFor(task: TrainTask): Promise<RandomSource>;
  readonly clock: Clock;
  /** Ends the node's life. */
  readonly signal: AbortSignal;
  readonly allowSingleClass: boolean;
  /** How long a request for tasks may be held by the coordinator, where it offers no stream of them. */
  readonly waitSeconds: number;
  observe(event: ParticipantEvent): void;
}

/** What the owner of the node sees. Nothing of it leaves the node. */
export type ParticipantEvent =
  | { readonly type: 'ready' }
  | { readonly type: 'preparing'; readonly task: Task }
  | { readonly type: 'training'; readonly task: TrainTask }
  | { readonly type: 'contributed'; readonly task: TrainTask; readonly report: LocalReport }
  | { readonly type: 'evaluated'; readonly task: EvaluateTask; readonly metrics: Metrics }
  | { readonly type: 'declined'; readonly task: Task; readonly problem: HanseError }
  /** The round ended without this node; nothing is wrong. */
  | { readonly type: 'missed'; readonly task: Task; readonly problem: HanseError };

/** The task is over for the coordinator: nothing to report to it. */
const OVER: ReadonlySet<ProblemCode> = new Set<ProblemCode>([
  'jobUnknown',
  'jobEnded',
  'roundUnknown',
  'notInCohort',
  'messageLate',
  'messageOutOfOrder',
]);

/** The node is no member any more, or talks to somebody else. */
const FATAL: ReadonlySet<ProblemCode> = new Set<ProblemCode>([
  'memberUnknown',
  'roleRefused',
  'versionUnsupported',
  'signatureInvalid',
  'coordinatorKeyMismatch',
]);

/**
 * Resolves when the signal aborts.
 * @throws a problem of `FATAL`; and any other with which the coordinator answers a request for work, once `api` has
 *   given up repeating it
 */
export async function participate(options: ParticipantOptions): Promise<void> {
  const { api, signal, waitSeconds, clock, observe } = options;
  const feed = new TaskFeed({ api, clock, random: primitives.random, signal, waitSeconds });
  const dealtWith = new Set<string>();
  try {
    await api.call('reportCapabilities', { body: capabilitiesOf(options) }, { signal });
    observe({ type: 'ready' });
    while (!signal.aborted) {
      const tasks = await feed.next();
      const offered = new Set(tasks.map(keyOf));
      for (const key of dealtWith) if (!offered.has(key)) dealtWith.delete(key);
      const fresh = tasks.filter((task) => !dealtWith.has(keyOf(task)));
      for (const task of fresh) {
        if (signal.aborted) break;
        dealtWith.add(keyOf(task));
        await perform(task, options);
      }
    }
  } catch (error) {
    if (!signal.aborted) throw error;
  }
}

/** One task to its end, whatever that is. */
async function perform(task: Task, options: ParticipantOptions): Promise<void> {
  const { clock, signal: life, observe } = options;
  const deadline = new AbortController();
  const cancel = clock.schedule(Date.parse(task.deadline), () => deadline.abort());
  const signal = AbortSignal.any([life, deadline.signal]);
  try {
    if (task.type === 'train') await train(task, options, signal);
    else await evaluate(task, options, signal);
  } catch (error) {
    if (life.aborted) return;
    const problem = asProblem(error, deadline.signal.aborted);
    if (FATAL.has(problem.code)) throw problem;
    if (OVER.has(problem.code)) observe({ type: 'missed', task, problem });
    else {
      observe({ type: 'declined', task, problem });
      await decline(task, problem, options);
    }
  } finally {
    cancel();
  }
}

async function train(task: TrainTask, options: ParticipantOptions, signal: AbortSignal): Promise<void> {
  const { api, jobs, examples, buffers, observe } = options;
  observe({ type: 'preparing', task });
  const { job, trainer } = await jobs.trainer(task, api, signal);
  job.checkExamples(examples, options.allowSingleClass);
  observe({ type: 'training', task });
  const random = await options.randomFor(task);
  const report = await contribute(task, {
    manifest: job.manifest,
    examples,
    trainer,
    api,
    random,
    buffers,
    signal,
  });
  observe({ type: 'contributed', task, report });
}

async function evaluate(task: EvaluateTask, options: ParticipantOptions, signal: AbortSignal): Promise<void> {
  const { api, jobs, examples, observe } = options;
  observe({ type: 'preparing', task });
  const { job, evaluator } = await jobs.evaluator(task, api, signal);
  job.checkExamples(examples, true);
  const parameters = await fetchModel(task.model, job.manifest.parameters, api, signal);
  const { loss, accuracy, count } = await evaluator.evaluate({ parameters, examples, signal });
  if (!Number.isFinite(loss))
    throw new HanseError('trainingDiverged', { what: 'loss of the aggregated model' });
  const metrics = { loss, accuracy, examples: count };
  await api.call('putEvaluation', { params: attemptParams(task), body: metrics }, { signal });
  observe({ type: 'evaluated', task, metrics });
}

/** Tells the coordinator not to wait. An evaluator has nothing to decline: its deadline passes. */
async function decline(task: Task, problem: HanseError, { api, signal }: ParticipantOptions): Promise<void> {
  if (task.type !== 'train') return;
  try {
    await api.call('decline', { params: attemptParams(task), body: { code: problem.code } }, { signal });
  } catch (error) {
    if (!isProblem(error)) throw error; // the round went on without us
  }
}

function asProblem(error: unknown, isDeadline: boolean): HanseError {
  if (isDeadline) return new HanseError('messageLate', { phase: 'local work' }, { cause: error });
  if (error instanceof HanseError) return error;
  return new HanseError('internalError', { reference: 'the log of this node' }, { cause: error });
}

function capabilitiesOf({ provider, examples, dataSetVersion }: ParticipantOptions) {
  return {
    software: SOFTWARE,
    provider: provider.name,
    providerReason: provider.reason.slice(0, 200),
    dataSets: [
      { name: examples.name.slice(0, 80), version: dataSetVersion, inputShape: [...examples.inputShape] },
    ],
  };
}

function keyOf({ type, jobId, round, attempt }: Task): string {
  return `${type}/${jobId}/${round}/${attempt}`;
}
