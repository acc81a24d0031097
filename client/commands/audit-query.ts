/**
 * `hanse audit query` and `hanse audit watch`: what an audit log says, each row proved before it is shown. SPEC.md 13.14.
 */
import { setTimeout } from 'node:timers/promises';
import { Type } from 'typebox';
import type { LogSource } from '../../protocol/audit/log-source.ts';
import { parseVerifierKey } from '../../protocol/audit/verifier-key.ts';
import { NO_WITNESSES, type Trust } from '../../protocol/audit/verify-head.ts';
import { parseWitnessPolicy } from '../../protocol/audit/witness-policy.ts';
import { parse } from '../../protocol/parse.ts';
import { HanseError } from '../../protocol/problem.ts';
import { AUDIT_CONDITIONS, AuditConditions, PAGE_ROWS } from '../../schemas/audit-query.ts';
import {
  type CommandDefinition,
  type CommandIo,
  type CommandOption,
  defineCommand,
} from '../../schemas/command.ts';
import { csvLine } from '../audit/csv.ts';
import { FolderSource } from '../audit/folder-source.ts';
import { rowsOfCoordinator, rowsOfSource, type ShownRow } from '../audit/proved-rows.ts';
import { QueryName, savedQuery, saveQuery } from '../audit/saved-queries.ts';
import { ServedSource } from '../audit/served-source.ts';
import { keyOf, pinnedOf, policyOf } from '../audit/verify-export.ts';
import { watchLog } from '../audit/watch-log.ts';
import type { CoordinatorApi } from '../coordinator-api.ts';
import { connectAs, IDENTITY_OPTIONS, type IdentityOptions } from './identity-options.ts';

interface Conditions extends Omit<AuditConditions, 'policy'> {
  readonly decidedBy?: string;
}

interface AskOptions extends Conditions, IdentityOptions {
  readonly key?: string;
  readonly policy?: string;
  readonly queries?: string;
  readonly saved?: string;
}

interface AuditQueryOptions extends AskOptions {
  readonly dataDir?: string;
  readonly order?: 'newest' | 'oldest';
  readonly limit: number;
  readonly all?: boolean;
  readonly csv?: boolean;
  readonly save?: string;
}

/** The log of a data directory. */
export type OpenStoredLog = (
  dataDir: string,
) => Promise<
  LogSource & { verifierKey(): Promise<string>; policy(): Promise<string>; close(): Promise<void> }
>;

const Limit = Type.Integer({ minimum: 1, maximum: 10_000 });
const Index = Type.Integer({ minimum: 0, maximum: Number.MAX_SAFE_INTEGER });
const Seconds = Type.Number({ minimum: 0.1, maximum: 3600 });
const { properties } = AuditConditions;
const CONDITIONS: readonly CommandOption[] = [
  { flags: '--since <time>', description: 'from this moment on: 2026-01-31, or with a time that ends in Z' },
  { flags: '--until <time>', description: 'before this moment' },
  { flags: '--actor <id>', description: 'that this node or person has done', schema: properties.actor },
  {
    flags: '--organisation <id>',
    description: 'that it has done, or is named in',
    schema: properties.organisation,
  },
  {
    flags: '--data-set <name>',
    description: 'that is about it: its name, or name@version',
    schema: properties.dataSet,
  },
  { flags: '--agreement <id>', description: 'under it', schema: properties.agreement },
  { flags: '--purpose <text>', description: 'for it, as it was written', schema: properties.purpose },
  { flags: '--job <id>', description: 'of this job', schema: properties.job },
  { flags: '--round <n>', description: 'of rounds of this number', schema: properties.round },
  { flags: '--type <type>', description: 'such as round.released, or round.*', schema: properties.type },
  { flags: '--outcome <outcome>', description: 'what came of it', choices: ['success', 'refused', 'failed'] },
  { flags: '--decided-by <policy>', description: 'what this policy has decided', schema: properties.policy },
  { flags: '--text <words>', description: 'in whose text all of these words stand', schema: properties.text },
];
const TRUST: readonly CommandOption[] = [
  {
    flags: '--key <vkey>',
    description: 'verifier key of the log, or a file that holds it; else the one beside it is believed',
  },
  { flags: '--policy <file>', description: 'witnesses that have to have seen it, C2SP tlog-policy' },
  {
    flags: '--saved <name>',
    description: 'the conditions that were saved under this name, and those given besides',
    schema: QueryName,
  },
  { flags: '--queries <file>', description: 'where queries are saved; else beside the identity' },
];

/** @param openStored of the coordinator's room, of which this one knows nothing */
export function auditQueryCommand(openStored: OpenStoredLog): CommandDefinition<AuditQueryOptions> {
  return defineCommand<AuditQueryOptions>({
    summary: 'ask an audit log, exported, stored or served: entries that fit, each with its proof',
    arguments: [
      {
        name: '[folder]',
        description: 'as `hanse audit export` writes it; else the coordinator of --identity is asked',
      },
    ],
    options: [
      ...CONDITIONS,
      {
        flags: '--data-dir <dir>',
        description: 'the log of a coordinator on this host, which may be running',
      },
      {
        flags: '--order <order>',
        description: 'which come first; of --all of a folder the oldest',
        choices: ['newest', 'oldest'],
      },
      {
        flags: '--limit <n>',
        description: 'rows, at most',
        kind: 'integer',
        schema: Limit,
        default: PAGE_ROWS,
      },
      { flags: '--all', description: 'all rows, as they are found' },
      {
        flags: '--csv',
        description: 'lines of CSV in place of a table; what a spreadsheet would compute is text',
      },
      { flags: '--save <name>', description: 'keep these conditions under this name', schema: QueryName },
      ...TRUST,
      ...IDENTITY_OPTIONS,
    ],
    examples: [
      [
        'hanse audit query --data-set scans --since 2026-01-01',
        'what has happened with a data set this year',
      ],
      [
        'hanse audit query exported --organisation clinic-a --all --csv',
        'all about one organisation, offline',
      ],
      [
        'hanse audit query --outcome refused --save refusals',
        'what was refused, under a name for the next time',
      ],
    ],
    async run({ args: [folder], options }, io) {
      if (folder !== undefined && options.dataDir !== undefined)
        throw new HanseError('usage', { reason: 'give a folder or --data-dir' });
      const conditions = await conditionsOf(options);
      if (options.save !== undefined) await saveQuery(queriesFile(options), options.save, conditions);
      if (options.csv) io.print(csvLine(COLUMNS));
      const show = options.csv ? showCsv : showLine;
      let rows = 0;
      for await (const row of await rowsOf(folder, options, conditions, openStored, io.signal)) {
        if (io.signal.aborted) throw new HanseError('interrupted', {});
        show(row, io);
        rows += 1;
      }
      if (!options.csv)
        io.print(rows === 0 ? 'nothing fits' : `${rows} ${rows === 1 ? 'entry' : 'entries'}, each proved`);
      return { rows, conditions };
    },
  });
}

export const auditWatchCommand = defineCommand<
  AskOptions & { readonly after?: number; readonly every: number }
>({
  summary: 'follow an audit log as it grows: entries that fit, each with its proof, in a log that goes on',
  options: [
    ...CONDITIONS.filter(({ flags }) => !flags.startsWith('--since') && !flags.startsWith('--until')),
    {
      flags: '--after <index>',
      description: 'entries after this one; else those that come from now on',
      kind: 'integer',
      schema: Index,
    },
    {
      flags: '--every <seconds>',
      description: 'how often it is asked',
      kind: 'number',
      schema: Seconds,
      default: 2,
    },
    ...TRUST,
    ...IDENTITY_OPTIONS,
  ],
  examples: [['hanse audit watch --outcome refused', 'what is refused, as it happens, until Ctrl-C']],
  async run({ options }, io) {
    const conditions = await conditionsOf(options);
    const { api } = await connectAs(options, io.signal);
    const { size } = await watchLog({
      ...{ api, conditions, after: options.after, signal: io.signal },
      trust: await trustOfServed(options, api),
      pause: () => setTimeout(1000 * options.every, undefined, { signal: io.signal }).catch(() => {}),
      show: (row) => showLine(row, io),
      note: (line) => io.note(line),
    });
    return { size };
  },
});

async function rowsOf(
  folder: string | undefined,
  options: AuditQueryOptions,
  conditions: AuditConditions,
  openStored: OpenStoredLog,
  signal: AbortSignal,
): Promise<AsyncIterable<ShownRow> | Iterable<ShownRow>> {
  const { dataDir, order = 'newest', limit, all } = options;
  if (folder === undefined && dataDir === undefined) {
    const { api } = await connectAs(options, signal);
    const trust = await trustOfServed(options, api);
    const page = String(Math.min(100, all ? 100 : limit));
    const rows = rowsOfCoordinator(api, trust, { ...conditions, order, limit: page });
    return all ? rows : first(rows, limit);
  }
  if (dataDir !== undefined) {
    const source = await openStored(dataDir);
    const own = {
      key: async () => parseVerifierKey((await source.verifierKey()).trimEnd()),
      policy: async () => parseWitnessPolicy(await source.policy()),
    };
    return chosen(closing(rowsOfSource(source, await trustOf(options, own), conditions), source), options);
  }
  const source = await FolderSource.open(folder ?? '');
  const own = { key: () => keyOf(source), policy: () => policyOf(source) };
  return chosen(rowsOfSource(source, await trustOf(options, own), conditions), options);
}

/** Rows come the oldest first: of the newest, only as many as are shown are kept. */
async function chosen(rows: AsyncGenerator<ShownRow>, { order = 'newest', limit, all }: AuditQueryOptions) {
  if (all) return rows;
  if (order === 'oldest') return collect(first(rows, limit));
  const kept: ShownRow[] = [];
  for await (const row of rows) {
    kept.push(row);
    if (kept.length > limit) kept.shift();
  }
  return kept.reverse();
}

async function* closing(rows: AsyncGenerator<ShownRow>, source: { close(): Promise<void> }) {
  try {
    yield* rows;
  } finally {
    await source.close();
  }
}

async function* first(rows: AsyncGenerator<ShownRow>, limit: number): AsyncGenerator<ShownRow> {
  let left = limit;
  for await (const row of rows) {
    yield row;
    left -= 1;
    if (left === 0) return;
  }
}

async function collect(rows: AsyncIterable<ShownRow>): Promise<readonly ShownRow[]> {
  const all: ShownRow[] = [];
  for await (const row of rows) all.push(row);
  return all;
}

async function trustOfServed(options: AskOptions, api: CoordinatorApi): Promise<Trust> {
  const own = {
    key: async () => parseVerifierKey(await new ServedSource(api).verifierKey()),
    policy: async () => undefined,
  };
  return trustOf(options, own);
}

async function trustOf(
  options: AskOptions,
  own: { key(): Promise<Trust['key']>; policy(): Promise<Trust['policy'] | undefined> },
): Promise<Trust> {
  const pinned = await pinnedOf(options);
  return {
    key: pinned.key ?? (await own.key()),
    policy: pinned.policy ?? (await own.policy()) ?? NO_WITNESSES,
  };
}

async function conditionsOf(options: AskOptions): Promise<AuditConditions> {
  const { decidedBy, since, until } = options;
  const saved = options.saved === undefined ? {} : await savedQuery(queriesFile(options), options.saved);
  const { policy: _, ...named } = AUDIT_CONDITIONS;
  const given = Object.keys(named).flatMap((name) => {
    const value = options[name as keyof typeof named];
    return value === undefined ? [] : [[name, value] as const];
  });
  return parse(
    AuditConditions,
    {
      ...saved,
      ...Object.fromEntries(given),
      ...(since !== undefined && { since: moment(since) }),
      ...(until !== undefined && { until: moment(until) }),
      ...(decidedBy !== undefined && { policy: decidedBy }),
    },
    'query',
  );
}

function moment(text: string): string {
  return /^\d{4}-\d{2}-\d{2}$/.test(text) ? `${text}T00:00:00Z` : text;
}

function queriesFile({ queries, identity }: AskOptions): string {
  return queries ?? `${identity}.queries`;
}

const COLUMNS = [
  ...['index', 'time', 'type', 'outcome', 'actors', 'organisations', 'dataSets', 'agreements', 'purposes'],
  ...['job', 'round', 'policies', 'text'],
];

function cells({ facts }: ShownRow): string[] {
  const { index, time, type, outcome, actors, organisations, agreements, purposes, jobs, policies } = facts;
  const sets = facts.dataSets.map(({ name, version }) =>
    version === undefined ? name : `${name}@${version}`,
  );
  return [
    ...[String(index), time, type, outcome],
    ...[actors, organisations, sets, agreements, purposes, jobs].map((values) => values.join('; ')),
    ...[String(facts.round ?? ''), policies.join('; '), facts.text.replaceAll('\n', '; ')],
  ];
}

function showCsv(row: ShownRow, io: CommandIo): void {
  io.print(csvLine(cells(row)));
  showJson(row, io);
}

function showLine(row: ShownRow, io: CommandIo): void {
  const { index, time, type, outcome, organisations, round, text } = row.facts;
  const [job = ''] = row.facts.jobs;
  const about = [job, round === undefined ? '' : `round ${round}`, organisations.join(', ')].filter(Boolean);
  // What others have written stays on its line.
  const said = text.replaceAll(/\s+/g, ' ').slice(0, 100);
  io.print(
    `${String(index).padStart(7)}  ${time}  ${type.padEnd(22)} ${outcome.padEnd(7)}  ${about.join('  ')}  ${said}`.trimEnd(),
  );
  showJson(row, io);
}

function showJson({ facts, entry, proof }: ShownRow, io: CommandIo): void {
  io.event({ ...facts, entry: JSON.parse(entry), proof });
}
