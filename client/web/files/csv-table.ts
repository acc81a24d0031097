/**
 * A table as CSV (RFC 4180) of a person who knows the table but not its format: encoding, delimiter and types of columns
 * are found out, and every guess is said. What is then trained on is as strict as with `client/data/csv.ts`.
 *
 * Labels that are whole numbers from 0 on are classes as they stand; other numbers are what a model is to predict; words
 * are numbered in alphabetical order, which is said, because the other participants must number theirs alike.
 * Messages name line and column but never a value. Texts of the file are shown as text, whatever markup they hold.
 */
import Papa from 'papaparse';
import { HanseError } from '../../../protocol/problem.ts';
import { readNumber } from '../../data/csv.ts';
import type { Examples } from '../../data/examples.ts';
import type { ColumnPreview, DataPreview, PreviewNote } from '../data-preview.ts';
import type { DataSelection } from '../data-selection.ts';
import type { ReadData } from '../tab-platform.ts';
import { countLabels, LABELS_SHOWN } from './label-counts.ts';
import { decodeText } from './text-encoding.ts';

export type CsvChoice = Omit<Extract<DataSelection, { type: 'csv' }>, 'type' | 'file'>;

const DELIMITERS = [',', ';', '\t', '|'];
/** By which the delimiter is guessed. */
const GUESS_CHARACTERS = 65_536;
const SAMPLE_ROWS = 10;
/** Columns that mix numbers and text: the page shows a line for each. */
const MIXED_SHOWN = 50;
/** Columns that are not trained on: one line names them. */
const UNUSED_SHOWN = 20;
/** Of a cell in the sample. */
const CELL_CHARACTERS = 200;
/** Classes that labels may have. */
const CLASSES_MAX = 10_000;

interface Table {
  readonly header: readonly string[];
  readonly rows: readonly (readonly string[])[];
  /** Line of each row in the file, counted from 1. */
  readonly lines: readonly number[];
  readonly notes: readonly PreviewNote[];
}

/**
 * @param bytes attacker-controlled
 * @param isPart the file goes on after the bytes, whose last line is then left out
 * @throws `dataMalformed` naming the line, `dataEmpty`
 */
export function readCsvTable(bytes: Uint8Array, file: string, choice: CsvChoice, isPart = false): ReadData {
  const table = tableOf(bytes, file, choice, isPart);
  const { header, rows } = table;
  const label = labelColumn(header, choice.label, file);
  const columns = header.map((name, at) => columnPreview(name, rows, at, at === label));
  const chosen = featureColumns(columns, choice.columns, label, file);
  const labelled = rows.flatMap((row, at) => ((row[label] ?? '').trim() === '' ? [] : [at]));
  const labels = labelled.map((at) => (rows[at]?.[label] ?? '').trim());
  if (labelled.length === 0) throw new HanseError('dataEmpty', { source: `${file}: no row has a label` });
  const features = readFeatures(table, labelled, chosen, columns, file);
  const target = readTargets(labels, file);
  const examples: Examples = {
    name: file,
    count: labelled.length,
    inputShape: [chosen.length],
    features,
    targetShape: target.shape,
    targets: target.values,
  };
  const missing = rows.length - labelled.length;
  const used = new Set([label, ...chosen]);
  const unused = header.filter((_, at) => !used.has(at));
  const notes: PreviewNote[] = [
    ...table.notes,
    ...(missing > 0 ? [{ type: 'missingLabels', rows: missing } as const] : []),
    ...columns
      .filter(({ type }) => type === 'mixed')
      .slice(0, MIXED_SHOWN)
      .map(({ name }) => ({ type: 'mixedTypes', column: name }) as const),
    ...(unused.length > 0 && !choice.columns
      ? [{ type: 'columnsUnused', columns: unused.slice(0, UNUSED_SHOWN) } as const]
      : []),
    ...(target.classes ? [{ type: 'labelsNumbered', labels: target.classes } as const] : []),
  ];
  const preview: DataPreview = {
    name: file,
    rows: labelled.length,
    bytes: bytes.length,
    inputShape: examples.inputShape,
    targetShape: examples.targetShape,
    columns,
    labels: countLabels(labels),
    sample: rows.slice(0, SAMPLE_ROWS).map((row) => row.map((cell) => cell.slice(0, CELL_CHARACTERS))),
    notes,
  };
  return { examples, preview };
}

function tableOf(bytes: Uint8Array, file: string, choice: CsvChoice, isPart: boolean): Table {
  const end = isPart ? bytes.lastIndexOf(0x0a) + 1 : bytes.length;
  const { text, notes } = decodeText(bytes.subarray(0, end), file, choice.encoding);
  const delimiter = choice.delimiter ?? guessDelimiter(text);
  const { data, errors } = Papa.parse<string[]>(text, { delimiter });
  let line = 1;
  const all = data.map((cells) => {
    const first = line;
    line += 1 + cells.reduce((breaks, cell) => breaks + (cell.match(/\r\n|\r|\n/g)?.length ?? 0), 0);
    return { cells, line: first };
  });
  const [fault] = errors;
  if (fault) throw malformed(file, all[fault.row ?? 0]?.line ?? line, fault.message);
  const [header, ...rows] = all.filter(({ cells }) => cells.length > 1 || (cells[0] ?? '').trim() !== '');
  if (!header || rows.length === 0) throw new HanseError('dataEmpty', { source: file });
  const names = header.cells.map((name) => name.trim());
  if (names.length < 2)
    throw malformed(file, header.line, 'one column only: choose the delimiter that separates the columns');
  const twice = firstTwice(names);
  if (twice !== undefined) throw malformed(file, header.line, `two columns "${twice}"`);
  const uneven = rows.find(({ cells }) => cells.length !== names.length);
  if (uneven)
    throw malformed(
      file,
      uneven.line,
      `${uneven.cells.length} cells where the header has ${names.length}; is the delimiter "${delimiter}"?`,
    );
  return {
    header: names,
    rows: rows.map(({ cells }) => cells),
    lines: rows.map((row) => row.line),
    notes: [...notes, { type: 'delimiter', delimiter, isGuess: choice.delimiter === undefined }],
  };
}

/** Undefined where all differ. One pass: a file may have a million columns. */
function firstTwice(names: readonly string[]): string | undefined {
  const seen = new Set<string>();
  return names.find((name) => seen.size === seen.add(name).size);
}

function guessDelimiter(text: string): string {
  const { meta } = Papa.parse(text.slice(0, GUESS_CHARACTERS), {
    delimitersToGuess: DELIMITERS,
    preview: 100,
    skipEmptyLines: true,
  });
  return meta.delimiter;
}

function labelColumn(header: readonly string[], label: string | undefined, file: string): number {
  if (label === undefined) return header.length - 1;
  const at = header.indexOf(label);
  if (at < 0) throw malformed(file, 1, `no column "${label}"`);
  return at;
}

function columnPreview(
  name: string,
  rows: readonly (readonly string[])[],
  at: number,
  isLabel: boolean,
): ColumnPreview {
  let numbers = 0;
  let missing = 0;
  for (const row of rows) {
    const cell = (row[at] ?? '').trim();
    if (cell === '') missing += 1;
    else if (readNumber(cell) !== undefined) numbers += 1;
  }
  const words = rows.length - missing - numbers;
  const type =
    numbers + words === 0 ? 'empty' : words === 0 ? 'number' : numbers === 0 ? 'category' : 'mixed';
  return { name, type, missing, isLabel };
}

/** Those that were chosen; else all columns of numbers in which none is missing. */
function featureColumns(
  columns: readonly ColumnPreview[],
  chosen: readonly string[] | undefined,
  label: number,
  file: string,
): number[] {
  const found = chosen
    ? chosen.map((name) => {
        const at = columns.findIndex((column) => column.name === name);
        if (at < 0 || at === label) throw malformed(file, 1, `no column "${name}" to train on`);
        return at;
      })
    : columns.flatMap(({ type, missing }, at) =>
        at !== label && type === 'number' && missing === 0 ? [at] : [],
      );
  if (found.length > 0) return found;
  throw malformed(file, 1, 'no column of numbers to train on, without gaps, beside the label');
}

function readFeatures(
  { rows, lines }: Table,
  labelled: readonly number[],
  chosen: readonly number[],
  columns: readonly ColumnPreview[],
  file: string,
): Float32Array {
  const features = new Float32Array(labelled.length * chosen.length);
  let at = 0;
  for (const row of labelled) {
    for (const column of chosen) {
      const value = readNumber(rows[row]?.[column] ?? '');
      if (value === undefined)
        throw malformed(file, lines[row] ?? 0, `no number in column "${columns[column]?.name}"`);
      features[at] = value;
      at += 1;
    }
  }
  return features;
}

interface Targets {
  readonly values: Int32Array | Float32Array;
  readonly shape: readonly number[];
  /** Words, in the order of their numbers. */
  readonly classes?: readonly string[];
}

function readTargets(labels: readonly string[], file: string): Targets {
  const numbers = labels.map(readNumber);
  if (numbers.every((value) => value !== undefined)) {
    const areClasses = numbers.every((value) => Number.isInteger(value) && value >= 0 && value < CLASSES_MAX);
    return areClasses
      ? { values: Int32Array.from(numbers), shape: [] }
      : { values: Float32Array.from(numbers), shape: [1] };
  }
  const classes = [...new Set(labels)].sort();
  if (classes.length > CLASSES_MAX)
    throw malformed(file, 1, `${classes.length} different labels; choose the column of the label`);
  const numberOf = new Map(classes.map((name, number) => [name, number]));
  return {
    values: Int32Array.from(labels, (label) => numberOf.get(label) ?? 0),
    shape: [],
    classes: classes.slice(0, LABELS_SHOWN),
  };
}

function malformed(file: string, line: number, reason: string): HanseError {
  return new HanseError('dataMalformed', { file, reason: `line ${line}: ${reason}` });
}
