/**
 * `hanse round show|verify`: what happened in a round, what its coordinator could see, and whether its record holds.
 * SPEC.md 8.1, 11.8.
 */
import { Type } from 'typebox';
import { checkDirectory } from '../../protocol/directory.ts';
import { attemptOfRound } from '../../protocol/past-rounds.ts';
import { HanseError } from '../../protocol/problem.ts';
import { hasEnded } from '../../protocol/round.ts';
import {
  type CommandArgument,
  type CommandDefinition,
  type CommandIo,
  defineCommand,
} from '../../schemas/command.ts';
import { Attempt } from '../../schemas/ids.ts';
import type { JobStatus, RoundSummary } from '../../schemas/job.ts';
import type { VerifiedRound } from '../../schemas/verified-round.ts';
import type { CoordinatorApi } from '../coordinator-api.ts';
import { auditRecord, checkModelChain, fetchJob, type Pinned } from '../round-audit.ts';
import { connectAs, IDENTITY_OPTIONS, type IdentityOptions } from './identity-options.ts';
import { describeWaiting, JOB_ARGUMENT } from './job.ts';
import { describeRoundReport, reportRound } from './round-report.ts';

const ROUND_ARGUMENT: CommandArgument = {
  name: '<round>',
  description: 'number of the round, from 1',
  schema: Type.String({ pattern: '^[1-9][0-9]{0,6}$' }),
};

interface ShowOptions extends IdentityOptions {
  readonly attempt?: number;
}

export const roundShowCommand = defineCommand<ShowOptions>({
  summary: 'show who took part in a round, how long it took, and what the coordinator could see',
  arguments: [JOB_ARGUMENT, ROUND_ARGUMENT],
  options: [
    {
      flags: '--attempt <n>',
      description: 'this attempt at the round; else the one that was released, or the last',
      kind: 'integer',
      schema: Attempt,
    },
    ...IDENTITY_OPTIONS,
  ],
  examples: [
    ['hanse round show job-0123456789abcdef 3', 'the signed record is fetched and checked'],
    ['hanse round show job-0123456789abcdef 3 --attempt 1', 'an attempt that came to nothing'],
  ],
  async run({ args, options }, io) {
    const { identity, api } = await connectAs(options, io.signal);
    const { jobId, round } = namesOf(args);
    const job = await fetchJob(api, jobId);
    const summary = attemptOfRound(job.rounds, round, options.attempt);
    if (!summary) return showUnderWay(job, round, options.attempt, io);
    const audited = summary.secure?.record ? await auditRecord(api, identity, job, summary) : undefined;
    const organisations = audited ? await organisationsOf(api, identity) : new Map<string, string>();
    const report = reportRound(job, summary, audited, organisations);
    for (const line of describeRoundReport(report)) io.print(line);
    return report;
  },
});

interface VerifyOptions extends IdentityOptions {
  readonly dataDir?: string;
}

/** Makes the sum of a round again from what a data directory keeps. */
export type VerifyStored = (dataDir: string, jobId: string, round: number) => Promise<VerifiedRound>;

/** @param verifyStored of the coordinator's room, of which this one knows nothing */
export function roundVerifyCommand(verifyStored: VerifyStored): CommandDefinition<VerifyOptions> {
  return defineCommand<VerifyOptions>({
    summary: 'check the record of a secure round; on the host of the coordinator, make its sum again',
    arguments: [JOB_ARGUMENT, ROUND_ARGUMENT],
    options: [
      {
        flags: '--data-dir <dir>',
        description: 'of the coordinator, which may be running: sums the kept updates again, asks nobody',
      },
      ...IDENTITY_OPTIONS,
    ],
    examples: [
      [
        'hanse round verify job-0123456789abcdef 3',
        'signatures, consents, and that the model follows from the sum',
      ],
      [
        'hanse round verify job-0123456789abcdef 3 --data-dir .hanse/coordinator',
        'and that the sum follows from the updates',
      ],
    ],
    async run({ args, options }, io) {
      const { jobId, round } = namesOf(args);
      const { dataDir } = options;
      if (dataDir === undefined) {
        const { identity, api } = await connectAs(options, io.signal);
        return verifyAsked(api, identity, jobId, round, io);
      }
      const verified = await verifyStored(dataDir, jobId, round);
      printVerified(verified, io);
      io.print('  its sum leads from the model before to the model that was released');
      io.print(
        verified.recomputed
          ? `  the sum of ${verified.survivors} kept updates, made again, is the one in the record`
          : '  the sum was not made again: the coordinator has added its noise to it, which is in no update',
      );
      return verified;
    },
  });
}

async function verifyAsked(
  api: CoordinatorApi,
  pinned: Pinned,
  jobId: string,
  round: number,
  io: CommandIo,
): Promise<VerifiedRound & { readonly chainFrom: number }> {
  const job = await fetchJob(api, jobId);
  if (job.manifest.aggregation === 'plain') throw new HanseError('roundPlain', { jobId });
  const summary = attemptOfRound(job.rounds, round);
  if (!summary?.secure?.record) throw unknown(jobId, round, summary);
  const { signed, checked } = await auditRecord(api, pinned, job, summary);
  const chainFrom = await checkModelChain(api, pinned, job, round);
  const { sum, nextModel: model } = signed.record;
  const survivors = checked.survivors.length;
  const verified = { jobId, round, attempt: summary.attempt, sum, model, survivors, recomputed: false };
  printVerified(verified, io);
  const since = chainFrom === round ? '' : `, as those of the rounds from ${chainFrom} on do`;
  io.print(`  its sum leads from the model before to the model that was released${since}`);
  io.print('  the sum was not made again: only the host of the coordinator has the updates, --data-dir');
  return { ...verified, chainFrom };
}

function printVerified({ jobId, round, attempt, survivors }: VerifiedRound, io: CommandIo): void {
  io.print(`${jobId}  round ${round}, attempt ${attempt}: the record is sound`);
  io.print('  it is signed by the coordinator, and the round ran under the terms of the job');
  io.print(`  keys and updates of the ${survivors} survivors are signed by them, and enough consented`);
}

async function showUnderWay(job: JobStatus, round: number, attempt: number | undefined, io: CommandIo) {
  const { jobId, phase, received } = job;
  const isPresent = job.round === round && (attempt ?? job.attempt) === job.attempt && !hasEnded(job);
  if (!isPresent) throw unknown(jobId, round, attemptOfRound(job.rounds, round), attempt);
  const updates = `${received} ${received === 1 ? 'update' : 'updates'}`;
  io.print(`${jobId}  round ${round}, attempt ${job.attempt}: under way, ${phase}, ${updates} so far`);
  const waiting = describeWaiting(job);
  if (waiting !== '') io.print(`  ${waiting}`);
  return { jobId, round, attempt: job.attempt, phase, received };
}

/** Which organisation each node belongs to, by the signed directory. */
async function organisationsOf(api: CoordinatorApi, pinned: Pinned): Promise<ReadonlyMap<string, string>> {
  const { directory } = await api.call('getDirectory', { query: {} });
  await checkDirectory(directory, pinned);
  return new Map(
    directory.organisations.flatMap(({ organisationId, nodes }) =>
      nodes.map(({ nodeId }) => [nodeId, organisationId] as const),
    ),
  );
}

function unknown(jobId: string, round: number, last: RoundSummary | undefined, attempt?: number) {
  return new HanseError('roundUnknown', { jobId, round, attempt: attempt ?? last?.attempt ?? 1 });
}

/** Their form has been checked against the schemas of the arguments. */
function namesOf([jobId = '', round = '']: readonly string[]): { jobId: string; round: number } {
  return { jobId, round: Number(round) };
}
