/**
 * The answer of several owners as whoever asked reads it: with what it has cost, whom that protects, and against whom.
 */
import { canonicalSha256 } from '../../protocol/canonical.ts';
import { gridOf } from '../../protocol/dp/statistics/value-grid.ts';
import type { CommandIo } from '../../schemas/command.ts';
import type { StatisticManifest } from '../../schemas/job.ts';
import { type OpenedStatistic, openedStatistic } from '../author-statistic.ts';
import type { CoordinatorApi } from '../coordinator-api.ts';
import type { Pinned } from '../round-audit.ts';
import { describeWaiting, followJob, unfinished } from './job.ts';
import { boundedBy } from './question-option.ts';
import { answerLines } from './statistic-report.ts';

/** The answer for people and for programs. */
export interface PollReport {
  readonly lines: readonly string[];
  readonly result: Readonly<Record<string, unknown>>;
}

/** A job whose manifest is known to whoever asks, not believed. */
interface Poll {
  readonly jobId: string;
  readonly manifest: StatisticManifest;
  readonly api: CoordinatorApi;
  readonly pinned: Pinned;
}

/**
 * Waits for the end of a poll and prints its answer; returns it as data.
 * @throws as `unfinished` and `openedStatistic`
 */
export async function tellAnswer({ jobId, manifest, api, pinned }: Poll, io: CommandIo) {
  let told = '';
  const job = await followJob(api, jobId, io.signal, (seen) => {
    const waiting = describeWaiting(seen);
    if (waiting !== told && waiting !== '') io.note(waiting);
    told = waiting;
  });
  if (job.phase !== 'finished') throw unfinished(job);
  const manifestSha256 = await canonicalSha256(manifest);
  const answer = await openedStatistic(api, pinned, { ...job, manifest, manifestSha256 });
  const { lines, result } = reportPoll(jobId, manifest, answer);
  for (const line of lines) io.print(line);
  return result;
}

/** @param manifest has passed `checkPrivacy` */
export function reportPoll(
  jobId: string,
  { statistic: { question, column }, privacyUnit: unit, privacy }: StatisticManifest,
  { owners, ...answer }: OpenedStatistic,
): PollReport {
  const { epsilon, statistic, ...asked } = question;
  const delta = privacy?.delta;
  const bounded = boundedBy(question, 'lower' in question ? { step: gridOf(question).step } : {});
  return {
    lines: [
      ...answerLines(answer, question, column),
      `of ${owners} owners, whose single answers nobody has seen`,
      `promise: epsilon ${epsilon}, delta ${delta}, to each ${unit} at an owner (zero-out), against the coordinator, the other owners and who reads this`,
      ...bounded.map((line) => `bounded: ${line}`),
    ],
    result: {
      ...{ jobId, statistic, column, ...answer, owners },
      ...{ epsilon, delta, unit, neighbouring: 'replace-special', asked: { epsilon, ...asked }, bounded },
    },
  };
}
