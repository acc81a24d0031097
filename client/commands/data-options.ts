/**
 * The options by which a command is told where examples come from: `client/data/data-source.ts`.
 */
import { HanseError } from '../../protocol/problem.ts';
import type { CommandOption } from '../../schemas/command.ts';
import { type CsvSchema, csvSchema } from '../data/csv.ts';

export interface DataOptions {
  readonly data: string;
  readonly rows?: string;
  readonly features?: string;
  readonly target?: string;
  readonly classes?: string;
}

export const DATA_OPTIONS: readonly CommandOption[] = [
  {
    flags: '--data <source>',
    description: 'mnist:train, mnist:test, spam:train, spam:test, idx:<images>,<labels> or csv:<file>',
    required: true,
  },
  { flags: '--rows <file>', description: 'use only these rows: a JSON array of row numbers, from 0' },
  {
    flags: '--features <columns>',
    description: 'CSV: the columns that the model takes, comma-separated, in order',
  },
  { flags: '--target <column>', description: 'CSV: the column to predict' },
  {
    flags: '--classes <names>',
    description: 'CSV: the target is one of these, comma-separated; else it is a number',
  },
];

/** The columns of a CSV file, from the options of a command. Throws `usage` where they would count for nothing. */
export function columnsOf({ data, features, target, classes }: DataOptions): { columns?: CsvSchema } {
  const isOther = /^(?:mnist|spam|idx):/.test(data);
  if (isOther && (features ?? target ?? classes) !== undefined)
    throw new HanseError('usage', {
      reason: `--features, --target and --classes belong to CSV files, and ${data} is none`,
    });
  if (features === undefined || target === undefined) return {};
  const list = (text: string) => text.split(',').map((name) => name.trim());
  return { columns: csvSchema(list(features), target, classes === undefined ? undefined : list(classes)) };
}
