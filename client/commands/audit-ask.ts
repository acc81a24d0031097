/**
 * Questions to an audit log, each one command, answered from verified entries alone: `hanse audit uses`, `cost`, `denials`,
 * `organisation` and `policies`. SPEC.md 13.15.
 */
import { Type } from 'typebox';
import type { AnswerTable } from '../../protocol/audit/answer.ts';
import { ALL, type Period, parsePeriod } from '../../protocol/audit/period.ts';
import { DataSetUses } from '../../protocol/audit/questions/data-set-uses.ts';
import { Denials } from '../../protocol/audit/questions/denials.ts';
import { ModelCost } from '../../protocol/audit/questions/model-cost.ts';
import { OrganisationRecord } from '../../protocol/audit/questions/organisation-record.ts';
import { PolicyChanges } from '../../protocol/audit/questions/policy-changes.ts';
import type { Answer, Question } from '../../protocol/audit/questions/question.ts';
import type { VerifiedLog } from '../../protocol/audit/verified-entries.ts';
import { HanseError } from '../../protocol/problem.ts';
import type { AuditData } from '../../schemas/audit-event.ts';
import {
  type CommandArgument,
  type CommandDefinition,
  type CommandIo,
  type CommandOption,
  defineCommand,
} from '../../schemas/command.ts';
import { JobId, OrganisationId, Sha256 } from '../../schemas/ids.ts';
import { DataSetName } from '../../schemas/privacy-ledger.ts';
import { answerLines, logLines } from './answer-report.ts';
import {
  ASKED_LOG_OPTIONS,
  type AskedLogOptions,
  FOLDER_ARGUMENT,
  type OpenLog,
  type Proofs,
  withAskedLog,
} from './asked-log-options.ts';
import type { OpenSource } from './audit-export.ts';

interface AskOptions extends AskedLogOptions {
  readonly period?: string;
  readonly organisation?: string;
}

/** What --json prints. */
interface Answered {
  readonly question: string;
  /** What was asked about; null where the question is about all. */
  readonly asked: string | null;
  readonly period: string | null;
  /** Whether the log knows it. */
  readonly known: boolean;
  readonly log: VerifiedLog & { readonly pinned: boolean };
  /** By name: rows of cells, each with the entries behind it. */
  readonly tables: Readonly<Record<string, object>>;
  readonly notes: readonly string[];
  readonly proofs?: Proofs;
}

interface Asking {
  readonly name: string;
  readonly summary: string;
  readonly about?: CommandArgument;
  readonly hasPeriod: boolean;
  readonly options?: readonly CommandOption[];
  readonly examples: CommandDefinition['examples'];
  readonly ask: (of: OpenLog, about: string, options: AskOptions) => Promise<readonly [Answer, VerifiedLog]>;
}

export const PERIOD_OPTION: CommandOption = {
  flags: '--period <period>',
  description: '2026, 2026-Q4, 2026-11, 2026-11-28, 2026-11-01..2026-11-28 or all; whole days of UTC',
  default: 'all',
};

function periodOf(period: string = ALL.name): Period {
  return parsePeriod(period);
}

async function answered(of: OpenLog, question: Question): Promise<readonly [Answer, VerifiedLog]> {
  const verified = await of.read((entry) => question.take(entry));
  return [question.answer(), verified];
}

const QUESTIONS = {
  uses: {
    name: 'uses',
    summary: 'who has used a data set and for what, from the verified entries of an audit log',
    about: { name: '<data-set>', description: 'its name, or name@version', schema: DataSetName },
    hasPeriod: false,
    options: [
      {
        flags: '--organisation <id>',
        description: 'only what its nodes hold: others may hold another data set of this name',
        schema: OrganisationId,
      },
    ],
    examples: [
      [
        'hanse audit uses mnist exported',
        'who holds it, jobs, purposes, rounds, epsilon, models, agreements',
      ],
      ['hanse audit uses mnist@2 --data-dir .hanse/coordinator --salts', 'one version, on the host'],
    ],
    ask: (of, about, { organisation }) => answered(of, new DataSetUses(about, organisation)),
  },
  cost: {
    name: 'cost',
    summary:
      'what a model has cost in privacy and whose data has shaped it, from the verified entries of a log',
    about: {
      name: '<model>',
      description: 'its SHA-256, as `hanse job show` tells it; or a job, for the model that it released last',
      schema: Type.Union([Sha256, JobId]),
    },
    hasPeriod: false,
    examples: [
      ['hanse audit cost job-0123456789abcdef exported', 'rounds, epsilon reserved and spent, organisations'],
      [
        'hanse audit cost job-0123456789abcdef exported --proofs proofs',
        'and the entries that say so, with proofs',
      ],
    ],
    ask: costOf,
  },
  denials: {
    name: 'denials',
    summary: 'which requests were refused, to whom and by which policy, from the verified entries of a log',
    hasPeriod: true,
    examples: [['hanse audit denials exported --period 2026-11', 'in a month of UTC']],
    ask: (of, _, { period }) => answered(of, new Denials(periodOf(period))),
  },
  organisation: {
    name: 'organisation',
    summary: 'all that an audit log tells of one organisation, from its verified entries',
    about: { name: '<organisation>', description: 'its id', schema: OrganisationId },
    hasPeriod: true,
    examples: [
      ['hanse audit organisation clinic-a exported', 'members, jobs, rounds, denials, downloads, alarms'],
    ],
    ask: (of, about, { period }) => answered(of, new OrganisationRecord(about, periodOf(period))),
  },
  policies: {
    name: 'policies',
    summary: 'what has changed in policies between two dates, from the verified entries of a log',
    hasPeriod: true,
    examples: [
      [
        'hanse audit policies exported --period 2026-11-01..2026-11-30',
        'between two dates, both of them in it',
      ],
    ],
    ask: (of, _, { period }) => answered(of, new PolicyChanges(periodOf(period))),
  },
} as const satisfies Readonly<Record<string, Asking>>;

export type QuestionName = keyof typeof QUESTIONS;

/** Jobs may begin with models of others, and those too. */
const LINEAGE = 16;

/** And of the models behind it, each read anew: what a model has cost is told while its job goes by. */
async function costOf(of: OpenLog, about: string): Promise<readonly [Answer, VerifiedLog]> {
  const model = about.startsWith('job-') ? await lastModelOf(of, about) : about;
  const question = new ModelCost(model);
  const [answer, verified] = await answered(of, question);
  const tables: AnswerTable[] = [...answer.tables];
  const notes = [...answer.notes];
  const known = new Set([model]);
  const waiting = [...question.lineage];
  for (let next = waiting.shift(); next !== undefined; next = waiting.shift()) {
    if (known.has(next)) continue;
    if (known.size > LINEAGE) {
      notes.push(`its lineage goes on to ${next}: ask for that one next`);
      break;
    }
    known.add(next);
    const earlier = new ModelCost(next);
    const [more] = await answered(of, earlier);
    waiting.push(...earlier.lineage);
    for (const table of more.tables)
      if (table.name !== 'begun' && table.rows.length > 0)
        tables.push({
          ...table,
          name: `${table.name}:${next}`,
          caption: `Before that, of the model ${next.slice(0, 16)} that the job began with: ${table.caption}`,
        });
  }
  return [{ ...answer, tables, notes }, verified];
}

/** @throws jobUnknown where it has released none */
async function lastModelOf(of: OpenLog, jobId: string): Promise<string> {
  let model: string | undefined;
  await of.read(({ type, event }) => {
    const data = event.data as AuditData<'round.released'>;
    if (type === 'round.released' && data.jobId === jobId) model = data.model;
  });
  if (model === undefined) throw new HanseError('jobUnknown', { jobId });
  return model;
}

/** @param openSource of the coordinator's room, of which this one knows nothing */
export function auditAskCommand(name: QuestionName, openSource: OpenSource): CommandDefinition<AskOptions> {
  const { summary, about, hasPeriod, options: own = [], examples, ask }: Asking = QUESTIONS[name];
  return defineCommand<AskOptions>({
    summary,
    arguments: [...(about ? [about] : []), FOLDER_ARGUMENT],
    options: [...(hasPeriod ? [PERIOD_OPTION] : []), ...own, ...ASKED_LOG_OPTIONS],
    examples,
    async run({ args, options }, io) {
      const [asked, folder] = about ? args : [undefined, args[0]];
      const { period = ALL.name } = options;
      parsePeriod(period);
      return withAskedLog(folder, options, io, openSource, async (of) => {
        const [answer, verified] = await ask(of, asked ?? '', options);
        print(answer, verified, of.log.isPinned, io);
        const proofs = await of.prove(verified, answer.tables);
        const said: Answered = {
          ...{ question: name, asked: asked ?? null, period: hasPeriod ? period : null },
          ...{ known: answer.isKnown, log: { ...verified, pinned: of.log.isPinned } },
          ...{ tables: Object.fromEntries(answer.tables.map(toldTable)), notes: answer.notes },
          ...(proofs && { proofs }),
        };
        return said;
      });
    },
    isFailure: (result) => (result as Answered).known === false,
  });
}

function toldTable({ name, caption, rows, leftOut }: AnswerTable): readonly [string, object] {
  const told = rows.map(({ cells, leaves }) => ({ ...cells, leaves }));
  return [name, { caption, rows: told, leftOut }];
}

function print(
  { isKnown, tables, notes }: Answer,
  verified: VerifiedLog,
  isPinned: boolean,
  io: CommandIo,
): void {
  for (const line of logLines(verified, isPinned)) io.print(line);
  if (!isKnown) io.print('the log tells nothing of it');
  for (const line of answerLines(tables, isKnown)) io.print(line);
  for (const note of notes) io.print(`note: ${note}`);
}
