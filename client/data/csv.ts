/**
 * Tables of numbers as CSV (RFC 4180, with a header line), read against a schema that the data set declares.
 *
 * Nothing is guessed: which columns are features, and which names the classes have, must be the same at every
 * participant, so it cannot be inferred from what one of them happens to hold. Other columns are not read.
 * Messages name line and column but never a value, because a message may travel and a value may be personal.
 */
import Papa from 'papaparse';
import { HanseError } from '../../protocol/problem.ts';
import type { ColumnNames, Examples } from './examples.ts';

/**
 * The largest table that is read, as its cells take several times as much while they are text. Larger ones fit IDX,
 * which is numbers from the beginning.
 */
export const CSV_BYTES_MAX = 268_435_456;

export interface CsvSchema {
  /** Columns of numbers, in the order in which the model takes them. */
  readonly features: readonly string[];
  readonly target:
    | { readonly column: string; readonly type: 'number' }
    /** The label of a class is its position in `classes`. */
    | { readonly column: string; readonly type: 'class'; readonly classes: readonly string[] };
  /** The column that tells persons apart; what it holds is not kept. Absent: each row is a person of its own, or nobody knows. */
  readonly person?: string;
}

/** @param classes absent: the target is a number */
export function csvSchema(
  features: readonly string[],
  column: string,
  classes: readonly string[] | undefined,
  person?: string | undefined,
): CsvSchema {
  const target = classes
    ? ({ column, type: 'class', classes } as const)
    : ({ column, type: 'number' } as const);
  return { features, target, ...(person !== undefined && { person }) };
}

/**
 * A decimal number: no hexadecimal, no "Infinity", no empty cell. Each digit can be matched in one way only, so that a
 * cell of a million digits costs a million steps and not their square.
 */
const NUMBER = /^[+-]?(?:\d+(?:\.\d*)?|\.\d+)(?:[eE][+-]?\d+)?$/;

/**
 * Reads a whole table: features [count, schema.features.length], and labels [count] or numbers [count, 1], which is
 * the shape that a model with one output has.
 *
 * @param bytes attacker-controlled UTF-8
 * @param file for messages, and the name of the examples
 * Throws `dataMalformed` with the line of the first fault. A table of no lines is returned as it is.
 */
export function parseCsv(bytes: Uint8Array, schema: CsvSchema, file: string): Examples {
  const [header, ...records] = parseRecords(decodeText(bytes, file), file);
  if (header === undefined) throw malformed(file, 1, 'no header');
  const columns = schema.features.map((name) => columnOf(header, name, file));
  const target = columnOf(header, schema.target.column, file);
  const readTarget = targetReader(schema.target);
  const persons = schema.person === undefined ? undefined : new PersonColumn(header, schema.person, file);

  const width = columns.length;
  const features = new Float32Array(records.length * width);
  const targets =
    schema.target.type === 'class' ? new Int32Array(records.length) : new Float32Array(records.length);
  for (const [row, { line, cells }] of records.entries()) {
    if (cells.length !== header.cells.length) {
      throw malformed(file, line, `${cells.length} cells where the header has ${header.cells.length}`);
    }
    for (const [i, column] of columns.entries()) {
      const value = readNumber(cells[column] ?? '');
      if (value === undefined) throw malformed(file, line, `no number in column "${schema.features[i]}"`);
      features[row * width + i] = value;
    }
    const value = readTarget(cells[target] ?? '');
    if (value === undefined) {
      throw malformed(file, line, lacking(schema.target));
    }
    targets[row] = value;
    persons?.read(cells, line);
  }
  const targetShape = schema.target.type === 'class' ? [] : [1];
  return {
    ...{ name: file, count: records.length, inputShape: [width], features, targetShape, targets },
    ...(persons && { persons: persons.numbers() }),
    columns: columnNames(schema),
  };
}

function columnNames({ features, target }: CsvSchema): ColumnNames {
  const classes = target.type === 'class' && { classes: target.classes };
  return { features, target: target.column, ...classes };
}

/** Numbers persons in the order in which they appear. */
class PersonColumn {
  readonly #column: number;
  readonly #name: string;
  readonly #file: string;
  readonly #numbers = new Map<string, number>();
  readonly #rows: number[] = [];

  constructor(header: CsvRecord, name: string, file: string) {
    this.#column = columnOf(header, name, file);
    this.#name = name;
    this.#file = file;
  }

  read(cells: readonly string[], line: number): void {
    const cell = (cells[this.#column] ?? '').trim();
    if (cell === '') throw malformed(this.#file, line, `nobody in column "${this.#name}"`);
    const number = this.#numbers.get(cell) ?? this.#numbers.size;
    this.#numbers.set(cell, number);
    this.#rows.push(number);
  }

  numbers(): Uint32Array {
    return Uint32Array.from(this.#rows);
  }
}

/**
 * Some columns of a whole table, as text.
 * @param bytes attacker-controlled UTF-8
 * @param file  for messages
 * @returns [columns][rows], without spaces around
 * Throws `dataMalformed` with the line of the first fault.
 */
export function parseColumns(bytes: Uint8Array, names: readonly string[], file: string): string[][] {
  const [header, ...records] = parseRecords(decodeText(bytes, file), file);
  if (header === undefined) throw malformed(file, 1, 'no header');
  const places = names.map((name) => columnOf(header, name, file));
  for (const { line, cells } of records)
    if (cells.length !== header.cells.length)
      throw malformed(file, line, `${cells.length} cells where the header has ${header.cells.length}`);
  return places.map((place) => records.map(({ cells }) => (cells[place] ?? '').trim()));
}

interface CsvRecord {
  /** Counted from 1; a quoted cell may span several. */
  readonly line: number;
  readonly cells: readonly string[];
}

function decodeText(bytes: Uint8Array, file: string): string {
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes);
  } catch (cause) {
    throw new HanseError('dataMalformed', { file, reason: 'it is not UTF-8' }, { cause });
  }
}

/** Splits into records and leaves out empty lines. */
function parseRecords(text: string, file: string): CsvRecord[] {
  const { data, errors } = Papa.parse<string[]>(text, { delimiter: ',', header: false });
  let line = 1;
  const lines = data.map((cells) => {
    const first = line;
    line += 1 + cells.reduce((breaks, cell) => breaks + (cell.match(/\r\n|\r|\n/g)?.length ?? 0), 0);
    return first;
  });
  const [fault] = errors;
  if (fault !== undefined) throw malformed(file, lines[fault.row ?? 0] ?? line, fault.message);
  return data
    .map((cells, row) => ({ line: lines[row] ?? line, cells }))
    .filter(({ cells }) => cells.length > 1 || cells[0] !== '');
}

function columnOf(header: CsvRecord, name: string, file: string): number {
  const column = header.cells.findIndex((cell) => cell.trim() === name);
  if (column < 0) throw malformed(file, header.line, `no column "${name}"`);
  if (header.cells.findLastIndex((cell) => cell.trim() === name) !== column) {
    throw malformed(file, header.line, `two columns "${name}"`);
  }
  return column;
}

/** Undefined for a cell that does not hold what the schema says. */
function targetReader(target: CsvSchema['target']): (cell: string) => number | undefined {
  switch (target.type) {
    case 'number':
      return readNumber;
    case 'class': {
      const labels = new Map(target.classes.map((name, label) => [name, label]));
      return (cell) => labels.get(cell.trim());
    }
    default:
      target satisfies never;
      throw new Error('unreachable');
  }
}

/** What a cell of the target does not hold. */
function lacking({ type, column }: CsvSchema['target']): string {
  return type === 'class'
    ? `none of the classes in column "${column}"`
    : `no number in column "${column}"; where the target is a name, say its classes`;
}

/** Undefined for anything that is not a decimal number within the range of 32-bit floats. */
export function readNumber(cell: string): number | undefined {
  const value = Math.fround(readDecimal(cell) ?? Number.NaN);
  return Number.isFinite(value) ? value : undefined;
}

/** Undefined for anything that is not a decimal number; beyond the range of 64-bit floats an infinity. */
export function readDecimal(cell: string): number | undefined {
  const text = cell.trim();
  return NUMBER.test(text) ? Number(text) : undefined;
}

function malformed(file: string, line: number, reason: string): HanseError<'dataMalformed'> {
  return new HanseError('dataMalformed', { file, reason: `line ${line}: ${reason}` });
}
