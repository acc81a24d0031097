/**
 * The options that put a question to a column: shared by those who ask one table, and those who ask several owners.
 */
import { parse } from '../../protocol/parse.ts';
import { HanseError } from '../../protocol/problem.ts';
import type { CommandOption } from '../../schemas/command.ts';
import { StatisticQuestion } from '../../schemas/statistic-question.ts';
import { readDecimal } from '../data/csv.ts';

/** As they were given; `questionOf` makes a question of them. */
export interface QuestionOptions {
  readonly statistic: 'count' | 'sum' | 'mean' | 'histogram' | 'quantile';
  readonly epsilon: number;
  readonly delta?: number;
  readonly bounds?: string;
  readonly grid?: number;
  readonly buckets?: string;
  readonly categories?: string;
  readonly quantile?: number;
  readonly maxRows?: number;
}

export const STATISTIC_OPTION: CommandOption = {
  flags: '--statistic <name>',
  description: 'what is asked',
  choices: ['count', 'sum', 'mean', 'histogram', 'quantile'],
  required: true,
};

export const QUESTION_OPTIONS: readonly CommandOption[] = [
  {
    flags: '--bounds <lower,upper>',
    description: 'values beyond them count as the bound; needed for sum, mean and quantile',
  },
  {
    flags: '--grid <step>',
    description: 'values are rounded to multiples of it; left out: 1000 to 10000 steps between the bounds',
    kind: 'number',
  },
  { flags: '--buckets <edges>', description: 'of a histogram of numbers: 0,18,65,120' },
  {
    flags: '--categories <names>',
    description:
      'of a histogram of names: red,blue; without buckets or categories names that many have are told, which needs --delta',
  },
  { flags: '--quantile <q>', description: 'between 0 and 1; 0.5, the median, unless said', kind: 'number' },
  {
    flags: '--max-rows <k>',
    description: 'of a person, or different buckets; others are left out at random (default 1)',
    kind: 'integer',
  },
];

/** Throws `usage` for options that are missing or of another statistic. */
export function questionOf(options: QuestionOptions): StatisticQuestion {
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

function needless(options: QuestionOptions, names: readonly (keyof QuestionOptions)[]): void {
  const given = names.find((name) => options[name] !== undefined);
  if (given) throw usage(`a ${options.statistic} takes no --${given}`);
}

function gridOf({ bounds, grid, statistic }: QuestionOptions) {
  if (bounds === undefined)
    throw usage(`a ${statistic} needs --bounds, as they are never taken from the data`);
  const [lower, upper, ...more] = numbersOf('--bounds', bounds);
  if (lower === undefined || upper === undefined || more.length > 0)
    throw usage('--bounds takes two numbers: 0,110');
  return { lower, upper, ...(grid !== undefined && { step: grid }) };
}

function bucketsOf({ buckets, categories, delta }: QuestionOptions) {
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
export function boundedBy(
  question: StatisticQuestion,
  { step }: { readonly step?: number },
): readonly string[] {
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
