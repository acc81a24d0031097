/**
 * One task of the coordinator, from its offer to its end: an update, metrics, an answer that an earlier process of the
 * node could not send, a refusal that says why, or nothing where the round went on without this node. SPEC.md 8.1, 11.9.
 */
import { primitives } from '#primitives';
import type { Clock } from '../protocol/clock.ts';
import { HanseError, isProblem, type ProblemCode } from '../protocol/problem.ts';
import type { RandomSource } from '../protocol/random.ts';
import { attemptParams } from '../protocol/routes.ts';
import { modelBytes } from '../protocol/vector.ts';
import type { JobManifest, StatisticManifest } from '../schemas/job.ts';
import type { EvaluateTask, Task, TrainTask } from '../schemas/task.ts';
import type { AnswerJournal } from './answer-journal.ts';
import { contribute, type EgressInspector } from './contribute.ts';
import type { CoordinatorApi } from './coordinator-api.ts';
import { type DataSet, fittingDataSet } from './data/data-set.ts';
import { requireUsable, type Withdrawals } from './data/data-use.ts';
import { hasColumn } from './data/statistic-table.ts';
import { type LocalTrainer, preceded, watched } from './engine/local-training.ts';
import type { TrainingProgress } from './engine/trainer.ts';
import type { EngineTurns } from './engine-turns.ts';
import type { JobSource, KnownOfGraph } from './job-cache.ts';
import type { NodeLedger, Spending } from './node-ledger.ts';
import type { ParticipantEvent } from './participant-event.ts';
import type { PolicyGate } from './policy-gate.ts';
import { fetchModel, type PreparedJob } from './prepared-job.ts';
import type { PrivacyGuard } from './privacy-guard.ts';
import { answerAgain } from './secure-attempt.ts';
import type { SecureParty } from './secure-party.ts';
import type { SpareBuffers } from './spare-buffers.ts';
import { statisticCounter } from './statistic-counter.ts';

/** What a node needs for a task, whatever brought the task to it. */
export interface TaskOptions {
  /** Should repeat what fails for a while: `retrying-coordinator.ts`. */
  readonly api: CoordinatorApi;
  /** At least one. */
  readonly dataSets: readonly DataSet[];
  /** Of rows of the data sets; absent: nobody has withdrawn any. */
  readonly withdrawals?: Withdrawals;
  /** Compiled jobs: a `JobCache`, which the caller releases afterwards; nodes of a simulation share one. */
  readonly jobs: JobSource;
  /** Tasks of several jobs, and nodes of a simulation, share them. */
  readonly buffers: SpareBuffers;
  /** Randomness for a task: the CSPRNG, or the seeded stream of an experiment. */
  randomFor(task: TrainTask): Promise<RandomSource>;
  /** For experiments: lots and noise are drawn from `randomFor` too, and then promise nothing; absent: from the CSPRNG. */
  readonly noiseFromSeed?: boolean;
  readonly clock: Clock;
  /** What the owner permits; absent: everything. */
  readonly gate?: PolicyGate;
  /** Keeps the privacy budgets of the data sets; absent: nobody has set any, and nothing is counted. */
  readonly privacy?: PrivacyGuard;
  /** Where several jobs share an engine: its time is told by them. */
  readonly turns?: EngineTurns;
  /** What tasks take; absent: nobody wants to know. */
  readonly ledger?: NodeLedger;
  /** Of the owner, who sees each update before it leaves; absent: nobody looks. */
  readonly inspector?: EgressInspector;
  /** Which tasks were answered, over restarts; absent: a node that starts anew remembers none. */
  readonly answers?: AnswerJournal;
  /** Takes part in secure rounds; absent: it does not. */
  readonly party?: SecureParty;
  /** For experiments: whether this node drops out of a secure round between its shares and its update; absent: never. */
  dropsOut?(task: TrainTask): Promise<boolean>;
  /** Told after every step of training; absent: nobody watches. */
  readonly onProgress?: (task: TrainTask, progress: TrainingProgress) => void;
  /** Ends the node's life. */
  readonly signal: AbortSignal;
  /** The owner wants the node to leave: what is under way is declined. Aborted before `signal`. */
  readonly leaving?: AbortSignal;
  observe(event: ParticipantEvent): void;
}

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
  'memberRevoked',
  'keyRetired',
  'accessRefused',
  'versionUnsupported',
  'signatureInvalid',
  'coordinatorKeyMismatch',
]);

/**
 * Resolves when the task is over for this node, also when the signal aborts.
 * @param superseded aborted once the job has gone on to another round or attempt: there is nothing to be done any more
 * @throws a problem of `FATAL`: the node has no business with this coordinator any more
 */
export async function performTask(
  task: Task,
  options: TaskOptions,
  superseded: AbortSignal = new AbortController().signal,
): Promise<void> {
  const { clock, signal: life, observe } = options;
  const deadline = new AbortController();
  const cancel = clock.schedule(Date.parse(lastMoment(task)), () => deadline.abort());
  const { leaving = new AbortController().signal } = options;
  const signal = AbortSignal.any([life, deadline.signal, leaving, superseded]);
  try {
    if (task.type === 'train') await train(task, options, signal);
    else await evaluate(task, options, signal);
  } catch (error) {
    if (life.aborted) return;
    const problem = leaving.aborted
      ? new HanseError('nodePaused')
      : asProblem(error, deadline.signal.aborted || superseded.aborted);
    if (FATAL.has(problem.code)) throw problem;
    if (OVER.has(problem.code)) observe({ type: 'missed', task, problem });
    else {
      observe({ type: 'declined', task, problem });
      await decline(task, problem, options);
    }
  } finally {
    cancel();
    options.jobs.done?.(task);
  }
}

/** A node has to answer until the end of a secure round: its deadline for updates is not the last one. */
function lastMoment(task: Task): string {
  return (task.type === 'train' && task.secure?.descriptor.deadlines.unmasking) || task.deadline;
}

async function train(task: TrainTask, options: TaskOptions, signal: AbortSignal): Promise<void> {
  const { api, jobs, dataSets, observe, answers, party, privacy } = options;
  await answers?.check(task);
  if (task.secure && party && (await answerAgain(task, party, api, signal))) return;
  observe({ type: 'preparing', task });
  const statistic = await jobs.statistic?.(task, api, signal);
  if (statistic) return count(task, statistic, options, signal);
  const admit = admissionOf(task, options, signal);
  const { job, trainer } = await jobs.trainer(task, api, signal, async (manifest, known) => {
    await admit.early(manifest, known);
    await privacy?.consider(task, manifest, dataSets, { api, signal });
  });
  const set = await dataFor(job, options, false);
  await payAndContribute(task, { manifest: job.manifest, set, trainer, admit }, options, signal);
}

/** The part of this node in a statistic: as a round over lots, of which nothing is trained. */
async function count(
  task: TrainTask,
  manifest: StatisticManifest,
  options: TaskOptions,
  signal: AbortSignal,
): Promise<void> {
  const { dataSets, clock, withdrawals } = options;
  const { column } = manifest.statistic;
  const admit = admissionOf(task, options, signal);
  await admit.early(manifest);
  const having = dataSets.filter(({ examples }) => hasColumn(examples, column));
  if (having.length === 0)
    throw new HanseError('columnUnknown', { column, source: dataSets[0]?.examples.name ?? 'this node' });
  const set = await fittingDataSet(having, (one) => requireUsable(one, clock, withdrawals));
  const trainer = statisticCounter(manifest, set.examples);
  await payAndContribute(task, { manifest, set, trainer, admit }, options, signal);
}

/** What is to be done, and the data for it. */
interface Work {
  readonly manifest: JobManifest;
  readonly set: DataSet;
  readonly trainer: LocalTrainer;
  readonly admit: ReturnType<typeof admissionOf>;
}

/** Once the owner has admitted it, and the budget has room for it. */
async function payAndContribute(
  task: TrainTask,
  { manifest, set, trainer, admit }: Work,
  options: TaskOptions,
  signal: AbortSignal,
): Promise<void> {
  const { api, buffers, observe, inspector, answers, party, privacy } = options;
  const { examples } = set;
  await admit.final(manifest, examples.count);
  await requireUsable(set, options.clock, options.withdrawals);
  const spending = await privacy?.reserve(task, manifest, set, { api, signal });
  // Drawn from the budget before a row is read.
  const paying = metered(spending ? preceded(trainer, spending.draw) : trainer, task, manifest, options);
  observe({ type: 'training', task });
  const isSecret = manifest.privacyUnit !== 'none' && !options.noiseFromSeed;
  const random = isSecret ? primitives.random : await options.randomFor(task);
  const report = await contribute(task, {
    ...{ manifest, examples, trainer: paying, api, random, buffers, signal },
    ...(inspector && { inspector }),
    ...(answers && { answers }),
    ...(party && { party }),
    ...(options.dropsOut && { dropsOut: options.dropsOut }),
  });
  const { bytes } = report.receipt;
  spend(task, manifest, { rounds: 1, bytesUp: bytes, bytesDown: modelBytes(manifest.parameters) }, options);
  observe({ type: 'contributed', task, report });
}

async function evaluate(task: EvaluateTask, options: TaskOptions, signal: AbortSignal): Promise<void> {
  const { api, jobs, observe } = options;
  observe({ type: 'preparing', task });
  const admit = admissionOf(task, options, signal);
  const { job, evaluator } = await jobs.evaluator(task, api, signal, admit.early);
  const { examples } = await dataFor(job, options, true);
  await admit.final(job.manifest, examples.count);
  const of = { series: task.jobId, signal };
  const parameters = await fetchModel(task.model, job.manifest.parameters, api, of);
  const elapsed = engineTime(task, options);
  const { loss, accuracy, count } = await evaluator.evaluate({ parameters, examples, signal });
  const used = { rounds: 1, milliseconds: elapsed(), bytesDown: modelBytes(job.manifest.parameters) };
  spend(task, job.manifest, used, options);
  if (!Number.isFinite(loss))
    throw new HanseError('trainingDiverged', { what: 'loss of the aggregated model' });
  const metrics = { loss, accuracy, examples: count };
  await api.call('putEvaluation', { params: attemptParams(task), body: metrics }, { signal });
  observe({ type: 'evaluated', task, metrics });
}

/** Among those that may be used now. */
function dataFor(
  job: PreparedJob,
  { dataSets, clock, withdrawals }: TaskOptions,
  allowSingleClass: boolean,
): Promise<DataSet> {
  return fittingDataSet(dataSets, async (set) => {
    await requireUsable(set, clock, withdrawals);
    job.checkExamples(set.examples, allowSingleClass || set.allowSingleClass);
  });
}

/** The owner is asked as soon as there is something to decide, and again with all that is known. */
function admissionOf(task: Task, { gate, api, dataSets }: TaskOptions, signal: AbortSignal) {
  let known: KnownOfGraph = {};
  return {
    early: async (manifest: JobManifest, more: KnownOfGraph = {}) => {
      known = { ...known, ...more };
      const examples = Math.min(...dataSets.map((set) => set.examples.count));
      await gate?.admit(task, { manifest, examples, ...known }, api, signal);
    },
    final: async (manifest: JobManifest, examples: number) => {
      await gate?.admit(task, { manifest, examples, ...known }, api, signal);
    },
  };
}

/** A trainer whose time is written down, also where the training fails or is given up. */
function metered(
  trainer: LocalTrainer,
  task: TrainTask,
  manifest: JobManifest,
  options: TaskOptions,
): LocalTrainer {
  return watched(trainer, () => {
    const elapsed = engineTime(task, options);
    let steps = 0;
    return {
      onProgress(progress) {
        steps = progress.step;
        options.onProgress?.(task, progress);
      },
      ended: () => spend(task, manifest, { milliseconds: elapsed(), steps }, options),
    };
  });
}

/** Begins to measure; the function returned tells how long this job has had the engine since, in milliseconds. */
function engineTime({ manifestSha256 }: Task, { clock, turns }: TaskOptions): () => number {
  const now = () => turns?.used(manifestSha256) ?? clock.now();
  const from = now();
  return () => Math.max(0, now() - from);
}

function spend(
  { jobId }: Task,
  { name }: JobManifest,
  spending: Partial<Spending>,
  { ledger }: TaskOptions,
): void {
  ledger?.add(jobId, name, spending);
}

/** Tells the coordinator not to wait. */
async function decline(task: Task, problem: HanseError, { api, signal }: TaskOptions): Promise<void> {
  try {
    const reason = isProblem(problem, 'policyRefused') ? { reason: problem.detail.rule } : {};
    const body = { code: problem.code, ...reason };
    await api.call('decline', { params: attemptParams(task), body }, { signal });
  } catch (error) {
    if (!isProblem(error)) throw error; // the round went on without us
  }
}

/** @param isLate the deadline has passed, or the job has gone on: whatever broke off, that was why */
function asProblem(error: unknown, isLate: boolean): HanseError {
  if (isLate) return new HanseError('messageLate', { phase: 'local work' }, { cause: error });
  if (error instanceof HanseError) return error;
  return new HanseError('internalError', { reference: 'the log of this node' }, { cause: error });
}
