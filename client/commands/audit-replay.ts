/**
 * `hanse audit replay`: a job of an exported audit log made again from its first model on: each sum from the updates, each model
 * from the sum. SPEC.md 13.8.
 */
import { HanseError } from '../../protocol/problem.ts';
import type { AuditFinding, AuditReport } from '../../schemas/audit-report.ts';
import { type CommandIo, defineCommand } from '../../schemas/command.ts';
import { JobId } from '../../schemas/ids.ts';
import { type Telling, verifyExport } from '../audit/verify-export.ts';

interface ReplayOptions {
  readonly job: JobId;
  readonly key?: string;
  readonly policy?: string;
}

interface ReplayedRound {
  readonly round: number;
  readonly attempt: number;
  /** SHA-256 of the opened sum; null where aggregation is plain: none is kept. */
  readonly sum: string | null;
  /** SHA-256. */
  readonly model: string;
}

interface Replay {
  readonly jobId: JobId;
  /** Whether all rounds were made again, and have come to what was released. */
  readonly replayed: boolean;
  readonly rounds: readonly ReplayedRound[];
  /** SHA-256 of the last model that was released; null before the first. */
  readonly model: string | null;
  readonly findings: readonly AuditFinding[];
}

export const auditReplayCommand = defineCommand<ReplayOptions>({
  summary: 'make a job of an exported audit log again: every sum, every model, from the first on',
  arguments: [{ name: '<folder>', description: 'as `hanse audit export` writes it' }],
  options: [
    { flags: '--job <id>', description: 'which one', schema: JobId, required: true },
    {
      flags: '--key <vkey>',
      description: 'verifier key of the log, or a file that holds it; else the one in the folder is believed',
    },
    {
      flags: '--policy <file>',
      description: 'witnesses that have to have seen it, C2SP tlog-policy; else those in the folder',
    },
  ],
  examples: [['hanse audit replay exported --job job-0123456789abcdef', 'where all of its updates are kept']],
  async run({ args: [folder = ''], options }, io) {
    const rounds: ReplayedRound[] = [];
    const report = await verifyExport(folder, options, {
      isWhole: false,
      tellRound: (told, outcome) => tell(told, outcome, rounds, io),
    });
    const replay = replayOf(options.job, rounds, report);
    for (const { code, leaf, message } of replay.findings)
      io.print(`${leaf === undefined ? '' : `leaf ${leaf}: `}${code}: ${message}`);
    if (replay.replayed) io.print(endOf(replay));
    else io.print('what was released was not made again');
    return replay;
  },
  isFailure: (result) => (result as Replay).replayed === false,
});

/** @throws notRecomputable, usage where noise was added to the sums */
function tell(
  ...[{ round, attempt, model, recomputed }, outcome, rounds, io]: [
    ...Parameters<NonNullable<Telling['tellRound']>>,
    ReplayedRound[],
    CommandIo,
  ]
): void {
  if (!outcome) return; // it is among the findings
  if (recomputed === 'notRecomputable') {
    if (outcome.removed > 0) throw new HanseError('notRecomputable', { round, removed: outcome.removed });
    throw new HanseError('usage', {
      reason: `the coordinator has added noise to the sum of round ${round}, which is in no update`,
    });
  }
  const { sum } = outcome;
  rounds.push({ round, attempt, sum, model });
  io.print(`round ${round}, attempt ${attempt}`);
  if (sum !== null) io.print(`  sum   ${sum}`);
  io.print(`  model ${model}`);
}

function replayOf(jobId: JobId, rounds: readonly ReplayedRound[], { jobs, findings }: AuditReport): Replay {
  const released = jobs.flatMap((job) => job.rounds.filter((round) => round.released));
  return { jobId, replayed: findings.length === 0, rounds, model: released.at(-1)?.model ?? null, findings };
}

function endOf({ jobId, rounds, model }: Replay): string {
  if (model === null) return `${jobId}: no round was released`;
  const count = `${rounds.length} ${rounds.length === 1 ? 'round' : 'rounds'}`;
  return `${jobId}: ${count} made again from the first model on, and the last one released is ${model}`;
}
