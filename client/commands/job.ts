/**
 * `hanse job list|show|watch|cancel`: following federated trainings.
 */
import { pause } from '../../protocol/clock.ts';
import { describeSpan } from '../../protocol/cohort.ts';
import { systemClock } from '../../protocol/primitives/system-clock.ts';
import { HanseError, PROBLEMS } from '../../protocol/problem.ts';
import { explainWidth, type WidthExplanation } from '../../protocol/ring/explain-width.ts';
import { hasEnded } from '../../protocol/round.ts';
import { type CommandArgument, type CommandIo, defineCommand } from '../../schemas/command.ts';
import { JobId } from '../../schemas/ids.ts';
import {
  isStatistic,
  type JobStatus,
  type RoundSummary,
  type StatisticManifest,
  type TrainingManifest,
} from '../../schemas/job.ts';
import type { PrivacyPromise } from '../../schemas/privacy.ts';
import type { CoordinatorApi } from '../coordinator-api.ts';
import { describeCodec } from './codec-report.ts';
import { connectAs, IDENTITY_OPTIONS, type IdentityOptions } from './identity-options.ts';

export const JOB_ARGUMENT: CommandArgument = {
  name: '<job>',
  description: 'id of the job: job-... (hanse job list)',
  schema: JobId,
};

export const jobListCommand = defineCommand<IdentityOptions>({
  summary: 'list the jobs of a coordinator',
  options: IDENTITY_OPTIONS,
  examples: [['hanse job list', 'newest first']],
  async run({ options }, io) {
    const { api } = await connectAs(options, io.signal);
    const { jobs } = await api.call('listJobs', {});
    if (jobs.length === 0) io.print('no jobs yet: hanse job create');
    for (const job of jobs) {
      const progress = `round ${job.round} of ${job.rounds}`;
      const privacy = `${job.aggregation} sums, privacy unit ${job.privacyUnit}`;
      io.print([job.jobId, job.phase, progress, percent(job.accuracy), privacy, job.name].join('  '));
    }
    return { jobs };
  },
});

export const jobShowCommand = defineCommand<IdentityOptions>({
  summary: 'show a job and its rounds',
  arguments: [JOB_ARGUMENT],
  options: IDENTITY_OPTIONS,
  examples: [
    ['hanse job show job-0123456789abcdef', 'state, manifest, why its updates have their width, and rounds'],
  ],
  async run({ args, options }, io) {
    const { api } = await connectAs(options, io.signal);
    const job = await api.call('getJob', { params: { jobId: jobIdOf(args) }, query: {} });
    const { codec, parameters, cohort } = job.manifest;
    const width = explainWidth(codec, parameters, cohort.size);
    printJob(job, width, io);
    return { ...job, parametersSha256: job.model, width };
  },
});

export const jobWatchCommand = defineCommand<IdentityOptions>({
  summary: 'follow a job until it ends',
  arguments: [JOB_ARGUMENT],
  options: IDENTITY_OPTIONS,
  examples: [['hanse job watch job-0123456789abcdef', 'one line a round']],
  async run({ args, options }, io) {
    const { api } = await connectAs(options, io.signal);
    let printed = 0;
    let told = '';
    const last = await followJob(api, jobIdOf(args), io.signal, (job) => {
      for (const round of job.rounds.slice(printed)) {
        io.print(describeRound(round));
        io.event({ round });
      }
      printed = job.rounds.length;
      const waiting = describeWaiting(job);
      if (waiting !== told && waiting !== '') io.note(waiting);
      told = waiting;
    });
    io.print(`${last.phase}${last.reason ? `: ${last.reason}` : ''}`);
    if (last.phase === 'finished') return last;
    io.event(last);
    throw unfinished(last);
  },
});

export const jobCancelCommand = defineCommand<IdentityOptions>({
  summary: 'end a job; released models stay',
  arguments: [JOB_ARGUMENT],
  options: IDENTITY_OPTIONS,
  examples: [['hanse job cancel job-0123456789abcdef', 'stop after what has been released']],
  async run({ args, options }, io) {
    const { api } = await connectAs(options, io.signal);
    const job = await api.call('cancelJob', { params: { jobId: jobIdOf(args) } });
    io.print(`${job.jobId}: ${job.phase}`);
    return job;
  },
});

/** What a job waits for, and what keeps nodes from it; empty where it does not wait. */
export function describeWaiting({ waitingFor, withheld, unsuited = {} }: JobStatus): string {
  if (waitingFor === null) return '';
  if (withheld) return `${withheld}: waiting for ${waitingFor}`;
  const reasons = Object.entries(unsuited).map(([code, count]) => `${count} with ${code}`);
  if (reasons.length === 0) return `waiting for ${waitingFor}`;
  return `waiting for ${waitingFor}: ${reasons.join(', ')}. They are asked again when they are started anew`;
}

/** Why a job that is not followed any more has no final model. */
export function unfinished({ jobId, phase, round, attempt, reason }: JobStatus): HanseError {
  if (!hasEnded({ phase })) return new HanseError('interrupted');
  if (reason === 'attemptsExhausted') return new HanseError(reason, { round, attempts: attempt });
  return new HanseError('jobEnded', { jobId, phase: reason ? `${phase}: ${reason}` : phase });
}

/** Soon enough for an eye. A secure round has dozens of events, and each state of a job tells of all its rounds. */
const BETWEEN_LOOKS_MS = 100;

/**
 * Calls back with new states of a job until it has ended or the signal aborts; resolves to the last.
 * @param betweenMs from one state until the next is asked for; 0 where every state counts, or the moment of the end
 */
export async function followJob(
  api: CoordinatorApi,
  jobId: string,
  signal: AbortSignal,
  changed: (job: JobStatus) => void,
  betweenMs: number = BETWEEN_LOOKS_MS,
): Promise<JobStatus> {
  let job = await api.call('getJob', { params: { jobId }, query: {} });
  changed(job);
  while (!hasEnded(job) && !signal.aborted) {
    const query = { after: String(job.sequence), wait: '20' };
    try {
      job = await api.call('getJob', { params: { jobId }, query }, { signal });
    } catch (error) {
      if (signal.aborted) break;
      throw error;
    }
    changed(job);
    if (betweenMs > 0 && !hasEnded(job)) await pause(systemClock, betweenMs, signal);
  }
  return job;
}

const SEEN = { plain: 'each update', secure: 'no update, only their sum' } as const satisfies Record<
  JobStatus['manifest']['aggregation'],
  string
>;

/** What is promised about whom, against whom. */
function promiseOf(unit: string, { epsilonServer, epsilonModel, delta }: PrivacyPromise): string {
  const against =
    epsilonServer === undefined
      ? `${epsilonModel} against everybody but the coordinator, which is trusted and adds the noise`
      : `${epsilonServer} against the coordinator and the participants, ${epsilonModel} against recipients of the model`;
  return `each ${unit}, zero-out: epsilon ${against}, delta ${delta}`;
}

function trainingOf({ graph, training }: TrainingManifest): string[] {
  const { epochs, maxSteps } = training;
  const passes = `${epochs} ${epochs === 1 ? 'epoch' : 'epochs'} a round${maxSteps === undefined ? '' : `, at most ${maxSteps} steps`}`;
  return [
    `  train step   ${graph.trainStep}`,
    `  training     ${training.loss.type}, ${training.optimizer.type}, learning rate ${training.learningRate}, ` +
      `batches of ${training.batchSize}, ${passes}`,
  ];
}

function questionOf({ statistic: { question, column } }: StatisticManifest): string[] {
  return [`  question     ${question.statistic} of column ${column}, summed over its owners`];
}

function printJob(job: JobStatus, width: WidthExplanation, io: CommandIo): void {
  const { manifest } = job;
  const { codec, cohort } = manifest;
  io.print(`${job.jobId}  ${manifest.name}  (${manifest.purpose})`);
  io.print(
    `  phase        ${job.phase}${job.reason ? `: ${job.reason}` : ''}, round ${job.round} of ${manifest.rounds}`,
  );
  if (job.withheld) io.print(`  not released ${job.withheld}`);
  if (job.waitingFor) io.print(`  waiting for  ${job.waitingFor}`);
  if (job.withheld) io.print(`  remedy       ${PROBLEMS[job.withheld].remedy}`);
  const unsuited = Object.entries(job.unsuited ?? {}).map(([code, count]) => `${count} with ${code}`);
  if (unsuited.length > 0) io.print(`  cannot join  ${unsuited.join(', ')}; until they report anew`);
  io.print(
    `  privacy      ${manifest.aggregation} sums: the coordinator sees ${SEEN[manifest.aggregation]}; unit ${manifest.privacyUnit}`,
  );
  if (manifest.privacy) io.print(`  promise      ${promiseOf(manifest.privacyUnit, manifest.privacy)}`);
  io.print(`  parameters   ${job.model}: SHA-256 of the latest ${manifest.parameters}, as a vector`);
  io.print(`  manifest     ${job.manifestSha256}`);
  for (const line of isStatistic(manifest) ? questionOf(manifest) : trainingOf(manifest)) io.print(line);
  io.print(
    `  cohort       ${describeSpan(cohort.minimum, cohort.size)}; ${manifest.strategy.type}, weights by ${manifest.weighting}`,
  );
  for (const [label, text] of describeCodec(codec, width)) io.print(`  ${label.padEnd(11)}  ${text}`);
  io.print(
    `  traffic      ${job.bytesUp} bytes up; ${job.bytesDown} bytes down since the coordinator was started`,
  );
  for (const round of job.rounds) io.print(`  ${describeRound(round)}`);
}

export function describeRound(round: RoundSummary): string {
  const seconds = ((Date.parse(round.endedAt) - Date.parse(round.openedAt)) / 1000).toFixed(2);
  const head = `round ${round.round}${round.attempt > 1 ? `, attempt ${round.attempt}` : ''}: ${round.outcome}`;
  const declined = Object.entries(round.declined).map(([code, count]) => `${count} declined with ${code}`);
  const unmeasured = Object.entries(round.unmeasured ?? {}).map(
    ([code, count]) => `not measured by ${count}: ${code}`,
  );
  const metrics = round.metrics
    ? [`loss ${round.metrics.loss.toFixed(4)}`, percent(round.metrics.accuracy)].filter((part) => part !== '')
    : [];
  const { clipping } = round;
  const clipped = clipping
    ? [
        `clip norm ${clipping.clipNorm.toPrecision(4)}, about ${percentOf(clipping.fraction)} % of updates within it`,
      ]
    : [];
  const reason = round.reason ? [round.reason] : [];
  return [
    head,
    ...reason,
    `${round.updates} of ${round.cohort} updates`,
    ...declined,
    ...unmeasured,
    ...clipped,
    ...metrics,
    `${seconds} s`,
  ].join(', ');
}

/** Of a count with noise. */
function percentOf(fraction: number): string {
  return (100 * Math.min(1, Math.max(0, fraction))).toFixed(0);
}

function percent(share: number | null): string {
  return share === null ? '' : `accuracy ${(100 * share).toFixed(2)} %`;
}

/** Its form has been checked against the schema of the argument. */
export function jobIdOf([jobId = '']: readonly string[]): string {
  return jobId;
}
