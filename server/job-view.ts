/**
 * A job as its members see it.
 */
import type { Clock } from '../protocol/clock.ts';
import { cohortMost, describeSpan } from '../protocol/cohort.ts';
import { countsOf, hasEnded } from '../protocol/round.ts';
import type { JobState } from '../protocol/round-state.ts';
import { cohortLeast } from '../protocol/secagg/descriptor.ts';
import type { JobLine, JobStatus } from '../schemas/job.ts';
import type { Coordinator } from './coordinator.ts';
import type { JobRunner } from './job-runner.ts';

/** Organisations that are named as those who are waited for. */
const MOST_NAMES = 8;

export function statusOf(runner: JobRunner, coordinator: Coordinator): JobStatus {
  const job = runner.state;
  const ended = job.history.reduce((sum, round) => sum + round.bytesUp, 0);
  const current = [...job.accepted.values()].reduce((sum, update) => sum + update.bytes, 0);
  return {
    jobId: job.jobId,
    manifestSha256: job.manifestSha256,
    manifest: job.manifest,
    phase: job.phase,
    round: job.round,
    attempt: job.attempt,
    model: job.model,
    reason: job.failure,
    cohort: [...job.cohort],
    received: job.accepted.size,
    sequence: runner.sequence,
    bytesUp: ended + current,
    bytesDown: coordinator.readable.bytesDown(job.jobId),
    waitingFor: describeWaiting(runner, coordinator),
    ...(job.isWithheld && { withheld: 'aggregatedUnreleased' }),
    ...(job.unsuited.size > 0 && { unsuited: countsOf(job.unsuited) }),
    createdBy: job.createdBy,
    createdAt: job.createdAt,
    rounds: [...job.history],
  };
}

export function lineOf(job: JobState): JobLine {
  const { name, rounds, aggregation, privacyUnit } = job.manifest;
  const accuracy = job.history.findLast(({ metrics }) => metrics !== null)?.metrics?.accuracy ?? null;
  const { jobId, phase, round, createdAt } = job;
  return { jobId, name, phase, round, rounds, aggregation, privacyUnit, accuracy, createdAt };
}

/**
 * Resolves when this is so of the job, when it has ended, after `milliseconds`, or when the signal aborts.
 * @param isSo asked after every event, once for each who waits: cheap
 */
export function untilSo(
  runner: JobRunner,
  isSo: (job: JobState) => boolean,
  milliseconds: number,
  clock: Clock,
  signal: AbortSignal,
): Promise<void> {
  return new Promise((resolve) => {
    const isOver = () => isSo(runner.state) || hasEnded(runner.state) || signal.aborted;
    if (isOver() || milliseconds <= 0) return resolve();
    const done = () => {
      stopWatching();
      cancel();
      signal.removeEventListener('abort', done);
      resolve();
    };
    const stopWatching = runner.watch(() => isOver() && done());
    const cancel = clock.schedule(clock.now() + milliseconds, done);
    signal.addEventListener('abort', done, { once: true });
  });
}

/** As `untilSo`, of a job that has more than `after` events. */
export function untilChanged(
  runner: JobRunner,
  after: number,
  milliseconds: number,
  clock: Clock,
  signal: AbortSignal,
): Promise<void> {
  return untilSo(runner, () => runner.sequence > after, milliseconds, clock, signal);
}

function describeWaiting(runner: JobRunner, coordinator: Coordinator): string | null {
  const { phase, isWithheld } = runner.state;
  if (phase === 'recruiting') return describeRecruiting(runner, coordinator);
  if (!isWithheld || !coordinator.witnessing) return null;
  const { standing, missing } = coordinator.witnessing;
  const names = missing.slice(0, MOST_NAMES).map((name) => name.replace(/\/any$/, ''));
  const more = missing.length > MOST_NAMES ? `, and ${missing.length - MOST_NAMES} more` : '';
  const { cosigned, needed } = standing;
  return `witnesses of the log: ${cosigned} of ${needed} that are needed have cosigned it; not yet ${names.join(', ')}${more}`;
}

function describeRecruiting(runner: JobRunner, coordinator: Coordinator): string {
  const { manifest } = runner.state;
  const minimum = cohortLeast(manifest);
  const size = cohortMost(manifest.cohort);
  const live = coordinator.liveParticipants();
  const unsuited = live.length - runner.drawable(live).length;
  const apart = unsuited > 0 ? `, ${unsuited} of them cannot take part in this job` : '';
  return `participants: ${live.length} live${apart}, ${describeSpan(minimum, size)} wanted`;
}
