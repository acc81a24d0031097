/**
 * `hanse audit verify`: whether an audit log, exported or served, is what its key has signed, and whether the rounds in it hold.
 * SPEC.md 13.8.
 */

import { isProblemCode, PROBLEMS } from '../../protocol/problem.ts';
import type { AuditedJob, AuditedRound, AuditReport } from '../../schemas/audit-report.ts';
import { type CommandIo, defineCommand } from '../../schemas/command.ts';
import { JobId } from '../../schemas/ids.ts';
import { type VerifyExportOptions, verifyExport, verifyServed } from '../audit/verify-export.ts';
import { connectAs, IDENTITY_OPTIONS, type IdentityOptions } from './identity-options.ts';
import { significant } from './significant.ts';

/** Who says by which key and which policy it was verified. */
type Word = 'pinned' | 'folder' | 'coordinator';

interface Verification extends AuditReport {
  readonly key: Word;
  readonly policy: Word;
}

export const auditVerifyCommand = defineCommand<VerifyExportOptions & IdentityOptions>({
  summary: 'verify an audit log, exported or served: signatures, every entry, and the rounds of its jobs',
  arguments: [
    {
      name: '[folder]',
      description: 'as `hanse audit export` writes it; else the coordinator of --identity is asked',
    },
  ],
  options: [
    {
      flags: '--key <vkey>',
      description:
        'verifier key of the log, or a file that holds it; else the one of the folder or the coordinator is believed',
    },
    {
      flags: '--policy <file>',
      description:
        'witnesses that have to have seen it, C2SP tlog-policy; else those in the folder, of a served log none',
    },
    {
      flags: '--since <checkpoint>',
      description: 'a file with an older checkpoint of the log, from which it has to go on; may be repeated',
      kind: 'strings',
    },
    { flags: '--job <id>', description: 'only the rounds of this job', schema: JobId },
    {
      flags: '--receipts <file>',
      description: 'updates that a coordinator has taken, as JSON lines: the log has to have each',
    },
    {
      flags: '--no-content',
      description: 'of a log that was exported without content: rounds are not made again',
    },
    {
      flags: '--tree',
      description: 'the tree alone, of a log of anybody: what entries say is not looked at',
    },
    ...IDENTITY_OPTIONS,
  ],
  examples: [
    ['hanse audit verify exported', 'whether the folder agrees with itself'],
    [
      'hanse audit verify exported --key log.vkey --policy witnesses --since last-month/checkpoint',
      'by keys that were had another way, and that nothing was taken away since',
    ],
    [
      'hanse audit verify --identity .hanse/me.json --key log.vkey',
      'the log as a coordinator serves it to a member, who wants no copy',
    ],
  ],
  async run({ args: [folder], options }, io) {
    const telling = {
      progress: (leaf: number, size: number) => {
        if (leaf > 0) io.note(`${leaf} of ${size} entries`);
      },
    };
    const report =
      folder === undefined
        ? await verifyServed((await connectAs(options, io.signal)).api, options, telling)
        : await verifyExport(folder, options, telling);
    const own = folder === undefined ? 'coordinator' : 'folder';
    const word = (pinned: string | undefined): Word => (pinned === undefined ? own : 'pinned');
    const verification = { ...report, key: word(options.key), policy: word(options.policy) };
    describe(verification, io);
    return verification;
  },
  isFailure: (result) => (result as Verification).verified === false,
});

function describe(verification: Verification, io: CommandIo): void {
  const { verified, origin, size, root, witnesses, jobs, findings, receipts, key, policy } = verification;
  if (origin !== null) {
    io.print(`${origin}  ${size} ${size === 1 ? 'entry' : 'entries'}`);
    io.print(`  root ${root}`);
    const { cosigned, needed, total } = witnesses;
    io.print(`  seen by ${cosigned} of ${total} witnesses; ${needed} are needed`);
  }
  if (key !== 'pinned')
    io.print(
      policy === 'pinned'
        ? `  the key of the log is the one of the ${key}, and one of the policy`
        : `  the key of the log is the one of the ${key}, by its own word: pin one with --key`,
    );
  if (policy !== 'pinned' && witnesses.total > 0)
    io.print(`  its witnesses are those of the ${policy}, by its own word: pin them with --policy`);
  if (receipts !== undefined) io.print(`  ${describeReceipts(receipts, findings)}`);
  for (const job of jobs) describeJob(job, io);
  for (const { code, leaf, message } of findings)
    io.print(`${leaf === undefined ? '' : `leaf ${leaf}: `}${code}: ${message}`);
  for (const code of new Set(findings.map((finding) => finding.code)))
    if (isProblemCode(code)) io.print(`remedy of ${code}: ${PROBLEMS[code].remedy}`);
  io.print(`verified: ${verified}`);
}

function describeReceipts(receipts: number, findings: Verification['findings']): string {
  if (receipts === 0) return 'no receipts: the file has none, and none was looked for';
  const missing = findings.filter(({ code }) => code === 'receiptMissing').length;
  const all = `${receipts} ${receipts === 1 ? 'receipt' : 'receipts'}`;
  return missing === 0
    ? `${all}: the log tells of each update`
    : `${all}: the log tells nothing of ${missing} of these updates`;
}

function describeJob({ jobId, rounds, epsilon }: AuditedJob, io: CommandIo): void {
  const released = rounds.filter((round) => round.released).length;
  const made = rounds.filter(({ recomputed }) => recomputed === true).length;
  io.print(
    `${jobId}  ${released} ${released === 1 ? 'round' : 'rounds'} released, ${made} of the sums made again`,
  );
  if (rounds.some(({ recomputed }) => recomputed === 'notRecomputable'))
    io.print(
      '  sums are made again where the updates are there: masked, still kept, and in an exported folder',
    );
  for (const round of rounds) io.print(`  ${describeRound(round)}`);
  if (!epsilon) return;
  const { unit, delta, spent, promised, stated } = epsilon;
  io.print(
    `  epsilon ${significant(spent)} spent of ${significant(promised)} for each ${unit}, at delta ${delta}; ` +
      `the manifest says ${stated}`,
  );
}

function describeRound({ round, attempt, model, released, recomputed }: AuditedRound): string {
  const sum = {
    true: 'its sum was made again from the updates',
    false: 'its sum is not that of the updates',
    notRecomputable: 'its sum cannot be made again',
  }[`${recomputed}`];
  return `round ${round}, attempt ${attempt}: ${released ? 'model' : 'unreleased model'} ${model.slice(0, 16)}, ${sum}`;
}
