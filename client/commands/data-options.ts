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
  readonly personColumn?: string;
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
  {
    flags: '--person-column <column>',
    description: 'CSV: tells persons apart, for jobs that protect each person with all rows',
  },
];

/** The columns of a CSV file, from the options of a command. Throws `usage` where they would count for nothing. */
export function columnsOf(options: DataOptions): { columns?: CsvSchema } {
  const { data, features, target, classes, personColumn } = options;
  const isOther = /^(?:mnist|spam|idx):/.test(data);
  if (isOther && (features ?? target ?? classes ?? personColumn) !== undefined)
    throw new HanseError('usage', {
      reason: `--features, --target, --classes and --person-column belong to CSV files, and ${data} is none`,
    });
  if (features === undefined || target === undefined) return {};
  const list = (text: string) => text.split(',').map((name) => name.trim());
  const names = classes === undefined ? undefined : list(classes);
  return { columns: csvSchema(list(features), target, names, personColumn) };
}
