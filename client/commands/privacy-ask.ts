/**
 * `hanse privacy ask`: a count, sum, mean, histogram or quantile of one column of a table, under differential privacy and
 * out of the budget of its owner.
 */
import { basename } from 'node:path';
import { primitives } from '#primitives';
import type { StatisticTable } from '../../protocol/dp/statistics/plan-statistic.ts';
import { parse } from '../../protocol/parse.ts';
import { HanseError } from '../../protocol/problem.ts';
import type { RandomSource } from '../../protocol/random.ts';
import { type CommandDefinition, defineCommand } from '../../schemas/command.ts';
import { StatisticQuestion } from '../../schemas/statistic-question.ts';
import { askStatistic, type StatisticNeighbouring, type ToldStatistic } from '../ask-statistic.ts';
import { CSV_BYTES_MAX, parseColumns, readDecimal } from '../data/csv.ts';
import { readDataFile } from '../data/data-file.ts';
import { type NodeBudget, openNodeBudget } from '../node-budget.ts';
import { askPassphrase, type PassphraseSource } from '../passphrase.ts';
import { PASSPHRASE_OPTION } from './identity-options.ts';

interface AskOptions extends PassphraseSource {
  readonly data: string;
  readonly person: string;
  readonly column: string;
  readonly statistic: 'count' | 'sum' | 'mean' | 'histogram' | 'quantile';
  readonly epsilon: number;
  readonly delta?: number;
  readonly bounds?: string;
  readonly grid?: number;
  readonly buckets?: string;
  readonly categories?: string;
  readonly quantile?: number;
  readonly maxRows?: number;
  readonly identity: string;
  readonly neighbouring: StatisticNeighbouring;
  readonly dataSet?: string;
  readonly purpose: string;
}

/** Of the node with this identity file, beside which its ledger lies. */
export type OpenBudget = (identityFile: string, passphrase: PassphraseSource) => Promise<NodeBudget>;

const ofNode: OpenBudget = (file, source) => openNodeBudget(file, askPassphrase(source));

export function privacyAskCommand(
  openBudget: OpenBudget = ofNode,
  random: RandomSource = primitives.random,
): CommandDefinition<AskOptions> {
  return defineCommand<AskOptions>({
    summary: 'a statistic of one column of a table, under differential privacy, out of a budget',
    options: [
      { flags: '--data <file>', description: 'table as CSV with a header', required: true },
      { flags: '--person <column>', description: 'column that says whose a row is', required: true },
      { flags: '--column <column>', description: 'column that is asked about', required: true },
      {
        flags: '--statistic <name>',
        description: 'what is asked',
        choices: ['count', 'sum', 'mean', 'histogram', 'quantile'],
        required: true,
      },
      { flags: '--epsilon <e>', description: 'what it may cost', kind: 'number', required: true },
      { flags: '--delta <d>', description: 'for histograms: 0 where left out', kind: 'number' },
      {
        flags: '--bounds <lower,upper>',
        description: 'values beyond them count as the bound; needed for sum, mean and quantile',
      },
      {
        flags: '--grid <step>',
        description:
          'values are rounded to multiples of it; left out: 1000 to 10000 steps between the bounds',
        kind: 'number',
      },
      { flags: '--buckets <edges>', description: 'of a histogram of numbers: 0,18,65,120' },
      {
        flags: '--categories <names>',
        description:
          'of a histogram of names: red,blue; without buckets or categories names that many have are told, which needs --delta',
      },
      { flags: '--quantile <q>', description: 'between 0 and 1; 0.5 is the median', kind: 'number' },
      {
        flags: '--max-rows <k>',
        description: 'of a person, or different buckets; others are left out at random (default 1)',
        kind: 'integer',
      },
      {
        flags: '--identity <file>',
        description: 'of the node whose ledger pays, while it does not run',
        default: '.hanse/node/identity.json',
      },
      PASSPHRASE_OPTION,
      {
        flags: '--neighbouring <relation>',
        description: 'that of the budget: a person more or less, or one whose rows have no value',
        choices: ['add-or-remove-one', 'replace-special'],
        default: 'add-or-remove-one',
      },
      { flags: '--data-set <name>', description: 'as the ledger calls it (default: the name of the file)' },
      { flags: '--purpose <text>', description: 'for the ledger', default: 'a statistic for its owner' },
    ],
    examples: [
      [
        'hanse privacy ask --data visits.csv --person patient --column age --statistic mean --bounds 0,110 --epsilon 0.5 --identity .hanse/a.json',
        'a mean, one row a person',
      ],
      [
        'hanse privacy ask --data visits.csv --person patient --column age --statistic histogram --buckets 0,18,65,110 --epsilon 0.5 --delta 1e-6 --identity .hanse/a.json',
        'persons by age',
      ],
      [
        'hanse privacy ask --data visits.csv --person patient --column cost --statistic quantile --quantile 0.9 --bounds 0,5000 --grid 1 --max-rows 3 --epsilon 1 --identity .hanse/a.json',
        'what nine of ten visits cost at most',
      ],
    ],
    async run({ options }, io) {
      const question = questionOf(options);
      const { data, person, column, identity, ...rest } = options;
      const { budget, close } = await openBudget(identity, rest);
      const told = await askStatistic({
        ...{ question, budget, random },
        table: () => readTable(data, person, column),
        neighbouring: options.neighbouring,
        dataSet: options.dataSet ?? basename(data),
        name: `${options.statistic} of ${column}`.slice(0, 80),
        purpose: options.purpose,
      }).finally(close);
      for (const line of described(told, question, column)) io.print(line);
      const { statistic, ...asked } = question;
      return { statistic, column, ...told, asked, bounded: boundedBy(question, told) };
    },
  });
}

/** Cells that are no number count as none, also of a number's column: to refuse them would tell of the data. */
async function readTable(file: string, person: string, column: string): Promise<StatisticTable> {
  const bytes = await readDataFile(file, CSV_BYTES_MAX);
  const [persons = [], cells = []] = parseColumns(bytes, [person, column], file);
  return {
    persons,
    values: Float64Array.from(cells, (cell) => readDecimal(cell) ?? Number.NaN),
    keys: cells.map((cell) => (cell === '' ? undefined : cell)),
  };
}

/** Throws `usage` for options that are missing or of another statistic. */
function questionOf(options: AskOptions): StatisticQuestion {
  const { epsilon, delta, maxRows = 1 } = options;
  const value = (() => {
    switch (options.statistic) {
      case 'count':
        needless(options, ['bounds', 'grid', 'quantile', 'delta', 'buckets', 'categories']);
        return { statistic: 'count', epsilon, maxRows };
      case 'sum':
      case 'mean':
        needless(options, ['quantile', 'delta', 'buckets', 'categories']);
        return { statistic: options.statistic, epsilon, maxRows, ...gridOf(options) };
      case 'quantile':
        needless(options, ['delta', 'buckets', 'categories']);
        return {
          statistic: 'quantile',
          epsilon,
          maxRows,
          ...gridOf(options),
          quantile: options.quantile ?? 0.5,
        };
      case 'histogram':
        needless(options, ['bounds', 'grid', 'quantile']);
        return { epsilon, ...(delta !== undefined && { delta }), maxBuckets: maxRows, ...bucketsOf(options) };
      default:
        options.statistic satisfies never;
        throw new Error('unreachable');
    }
  })();
  return parse(StatisticQuestion, value, 'question');
}

function needless(options: AskOptions, names: readonly (keyof AskOptions)[]): void {
  const given = names.find((name) => options[name] !== undefined);
  if (given) throw usage(`a ${options.statistic} takes no --${given}`);
}

function gridOf({ bounds, grid, statistic }: AskOptions) {
  if (bounds === undefined)
    throw usage(`a ${statistic} needs --bounds, as they are never taken from the data`);
  const [lower, upper, ...more] = numbersOf('--bounds', bounds);
  if (lower === undefined || upper === undefined || more.length > 0)
    throw usage('--bounds takes two numbers: 0,110');
  return { lower, upper, ...(grid !== undefined && { step: grid }) };
}

function bucketsOf({ buckets, categories, delta }: AskOptions) {
  if (buckets !== undefined && categories !== undefined) throw usage('either --buckets or --categories');
  if (buckets !== undefined) return { statistic: 'histogram', edges: numbersOf('--buckets', buckets) };
  if (categories !== undefined)
    return { statistic: 'categories', names: categories.split(',').map((name) => name.trim()) };
  if (delta === undefined)
    throw usage('a histogram of names that nobody lists needs --delta; else give --buckets or --categories');
  return { statistic: 'keys' };
}

function numbersOf(flag: string, text: string): number[] {
  return text.split(',').map((part) => {
    const number = readDecimal(part);
    if (number === undefined) throw usage(`${flag} takes numbers with commas between them`);
    return number;
  });
}

function usage(reason: string): HanseError<'usage'> {
  return new HanseError('usage', { reason });
}

/** What was done to contributions, in words; to how many of them is told to nobody. */
function boundedBy(question: StatisticQuestion, { step }: ToldStatistic): readonly string[] {
  const most =
    'maxRows' in question
      ? `at most ${question.maxRows} of the rows of a person count, chosen at random`
      : `a person counts once in a bucket, and in at most ${question.maxBuckets}, chosen at random`;
  const values =
    'lower' in question
      ? [`values are clamped to ${question.lower}..${question.upper} and rounded to multiples of ${step}`]
      : [];
  const missing =
    question.statistic === 'categories' || question.statistic === 'keys'
      ? 'rows without a name are left out'
      : 'rows without a number are left out';
  return [most, ...values, missing, 'how many rows this concerned is not told'];
}

function described(told: ToldStatistic, question: StatisticQuestion, column: string): readonly string[] {
  const { value, count, buckets, deviation, threshold } = told;
  const noise = deviation === undefined ? '' : `, noise of deviation ${short(deviation)}`;
  const lines: string[] = [];
  if (value !== undefined) lines.push(`${question.statistic} of ${column}: ${value}${noise}`);
  if (count !== undefined) lines.push(`  of about ${count} rows`);
  if (buckets) {
    lines.push(`persons by ${column}${noise}`);
    const wide = Math.max(4, ...buckets.map(({ name }) => name.length));
    const long = Math.max(1, ...buckets.map(({ count: one }) => String(one).length));
    for (const { name, count: one } of buckets)
      lines.push(`  ${name.padEnd(wide)}  ${String(one).padStart(long)}`);
    if (threshold !== undefined) lines.push(`  names with fewer than ${threshold} are not told`);
  }
  const delta = 'delta' in question ? (question.delta ?? 0) : 0;
  return [
    ...lines,
    `promise: epsilon ${question.epsilon}, delta ${delta}, to each ${told.unit} (${told.neighbouring})`,
    ...boundedBy(question, told).map((line) => `bounded: ${line}`),
  ];
}

function short(number: number): string {
  return String(Number(number.toPrecision(3)));
}
