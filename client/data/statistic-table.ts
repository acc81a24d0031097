/**
 * One column of a data set as statistics read it: for each row whose it is, and its value or its name. What the owner has not
 * declared is no column.
 */
import type { StatisticTable } from '../../protocol/dp/statistics/plan-statistic.ts';
import type { StatisticUnit } from '../../protocol/dp/statistics/statistic-job.ts';
import { HanseError } from '../../protocol/problem.ts';
import type { StatisticQuestion } from '../../schemas/statistic-question.ts';
import type { Examples } from './examples.ts';

/**
 * @param unit `example`: each row is a person of its own
 * @throws `columnUnknown`; `dataWithoutPersons` where nobody said whose the rows are
 */
export function statisticTable(examples: Examples, column: string, unit: StatisticUnit): StatisticTable {
  const read = reading(examples, column);
  requirePersons(examples, unit);
  const { persons, count } = examples;
  const rows = Array.from({ length: count }, (_, row) => row);
  return {
    persons: rows.map((row) => String(unit === 'person' ? persons?.[row] : row)),
    values: Float64Array.from(rows, read.value),
    keys: rows.map(read.key),
  };
}

interface Reading {
  value(row: number): number;
  key(row: number): string | undefined;
}

/** Throws `dataWithoutPersons` where nobody said whose the rows are, and it matters. */
export function requirePersons({ persons, name }: Examples, unit: StatisticUnit): void {
  if (unit === 'person' && !persons) throw new HanseError('dataWithoutPersons', { source: name });
}

/** Whether the owner has declared the column. */
export function hasColumn({ columns }: Examples, column: string): boolean {
  return columns !== undefined && (columns.target === column || columns.features.includes(column));
}

/** Whether what the owner has declared can answer; no row is looked at. Throws `columnOfNames`. */
export function requireAnswers(
  { columns, name }: Examples,
  column: string,
  question: StatisticQuestion,
): void {
  const isOfNames = columns?.classes !== undefined && columns.target === column;
  if (isOfNames && question.statistic !== 'categories')
    throw new HanseError('columnOfNames', { column, source: name, statistic: question.statistic });
}

function reading({ columns, features, targets, inputShape, name }: Examples, column: string): Reading {
  const at = columns?.features.indexOf(column) ?? -1;
  if (at >= 0) {
    const [width = 1] = inputShape;
    return ofNumbers((row) => features[row * width + at] as number);
  }
  if (columns?.target !== column) throw new HanseError('columnUnknown', { column, source: name });
  const { classes } = columns;
  if (!classes) return ofNumbers((row) => targets[row] as number);
  return { value: () => Number.NaN, key: (row) => classes[targets[row] as number] };
}

/** The shortest decimal that is this 32-bit float: what stood in the table, unless it had more than 6 digits. */
function shortest(value: number): string {
  const digits = [6, 7, 8, 9].find((count) => Math.fround(Number(value.toPrecision(count))) === value);
  return String(digits === undefined ? value : Number(value.toPrecision(digits)));
}

function ofNumbers(value: (row: number) => number): Reading {
  return { value, key: (row) => shortest(value(row)) };
}
