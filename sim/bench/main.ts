/**
 * `npm run bench -- [group] [row]`: measures, and prints a line of JSON for each row.
 *
 * Results go to standard output, progress to standard error. Exit codes: 0 measured, whether or not the bounds were
 * met; 1 failed; 2 wrong usage.
 */
import { parseArgs } from 'node:util';
import { HanseError, isProblem } from '../../protocol/problem.ts';
import { GROUPS, type Group } from './groups.ts';
import { type RowContext, type RowDefinition, resultOf } from './row.ts';

const OPTIONS = {
  json: { type: 'boolean' },
  help: { type: 'boolean', short: 'h' },
  lr: { type: 'string' },
  results: { type: 'string', default: 'sim/bench/results' },
} as const;

export interface Invocation {
  readonly groups: readonly (readonly [name: string, group: Group])[];
  readonly rows: readonly RowDefinition[];
  readonly isHelp: boolean;
  readonly learningRates: readonly number[] | undefined;
  readonly results: string;
}

/** Throws `usage`. */
export function parseInvocation(words: readonly string[]): Invocation {
  const { values, positionals } = parseWords(words);
  const [groupName, rowName, ...rest] = positionals;
  if (rest.length > 0) throw usage(`what is "${rest.join(' ')}"? One group and one row can be named`);
  const named = groupName !== undefined && Object.hasOwn(GROUPS, groupName) ? GROUPS[groupName] : undefined;
  if (groupName !== undefined && !named)
    throw usage(`there is no group "${groupName}"; the groups are ${Object.keys(GROUPS).join(', ')}`);
  const groups = Object.entries(GROUPS).filter(([, group]) => named === undefined || group === named);
  // A row may belong to two groups, and is run once.
  const all = [...new Set(groups.flatMap(([, { rows }]) => rows))];
  const rows = all.filter(({ name }) => rowName === undefined || name.includes(rowName));
  if (rows.length === 0)
    throw usage(
      `no row has "${rowName}" in its name; the rows are ${all.map(({ name }) => name).join(', ')}`,
    );
  const learningRates = values.lr?.split(',').map(Number);
  if (learningRates?.some((rate) => !(rate > 0)))
    throw usage(`--lr ${values.lr}: positive numbers, separated by commas`);
  return { groups, rows, isHelp: values.help === true, learningRates, results: values.results };
}

function parseWords(words: readonly string[]) {
  try {
    return parseArgs({ args: [...words], options: OPTIONS, allowPositionals: true });
  } catch (error) {
    throw usage(error instanceof Error ? error.message : String(error));
  }
}

function usage(reason: string): HanseError<'usage'> {
  return new HanseError('usage', { reason });
}

export function help(): string {
  const groups = Object.entries(GROUPS).flatMap(([name, { summary, rows }]) => [
    `  ${name}: ${summary}`,
    ...rows.map((row) => `    ${row.name} [${row.unit}]  ${row.what}`),
  ]);
  return [
    'npm run bench -- [group] [part of the name of a row]',
    '',
    'Prints a line of JSON for each row: the median of the repetitions, and its ratio to a baseline measured in the',
    'same run. Processor time, unless the name says wall. Without a group, all are run.',
    '',
    '  --json           accepted; the output is JSON anyway',
    '  --lr <rates>     rows that search: try these learning rates, separated by commas, and write no picture',
    '  --results <dir>  where pictures and tables go; sim/bench/results',
    '  -h, --help       this text',
    '',
    ...groups,
    '',
  ].join('\n');
}

async function main(words: readonly string[]): Promise<number> {
  const { groups, rows, isHelp, learningRates, results } = parseInvocation(words);
  if (isHelp) {
    process.stdout.write(help());
    return 0;
  }
  const stop = new AbortController();
  process.once('SIGINT', () => stop.abort());
  const note = (line: string) => void process.stderr.write(`${line}\n`);
  note(`groups: ${groups.map(([name, { summary }]) => `${name} (${summary})`).join('; ')}`);
  for (const row of rows) {
    if (stop.signal.aborted) return 1;
    note(`${row.name}: ${row.what}`);
    const context: RowContext = {
      progress: (line) => note(`  ${line}`),
      ...(learningRates && { learningRates }),
      results,
      signal: stop.signal,
    };
    process.stdout.write(`${JSON.stringify(resultOf(row, await row.measure(context)))}\n`);
  }
  return 0;
}

async function run(words: readonly string[]): Promise<number> {
  try {
    return await main(words);
  } catch (error) {
    if (!isProblem(error)) throw error;
    process.stderr.write(`bench: ${error.code}: ${error.message}\n  remedy: ${error.remedy}\n`);
    return error.code === 'usage' ? 2 : 1;
  }
}

// Imported by its test, run by `npm run bench`.
if (process.argv[1] !== undefined && import.meta.url.endsWith('main.js'))
  process.exitCode = await run(process.argv.slice(2));
