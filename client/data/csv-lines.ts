/**
 * The text of a CSV file without some of its rows; the others keep every byte. RFC 4180, as `csv.ts` reads it.
 */
import { HanseError } from '../../protocol/problem.ts';
import { parseColumns } from './csv.ts';

/**
 * @param rows numbers of rows, from 0, without the header and empty lines
 * @param columns of the table, by which what is left is compared with what was there
 * @throws `dataMalformed` where the rows cannot be told apart
 */
export function withoutRows(
  bytes: Uint8Array,
  rows: ReadonlySet<number>,
  columns: readonly string[],
  file: string,
): Uint8Array {
  const text = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes);
  let row = -1; // the header
  const kept: string[] = [];
  for (const record of recordsOf(text)) {
    const isEmpty = /^[\r\n]*$/.test(record);
    if (isEmpty || !rows.has(row)) kept.push(record);
    if (!isEmpty) row += 1;
  }
  const left = new TextEncoder().encode(kept.join(''));
  const [before, after] = [bytes, left].map((one) => parseColumns(one, columns, file));
  const expected = before?.map((cells) => cells.filter((_, at) => !rows.has(at)));
  if (JSON.stringify(after) !== JSON.stringify(expected))
    throw new HanseError('dataMalformed', { file, reason: 'its rows cannot be told apart by their lines' });
  return left;
}

/** With the ends of their lines: a line may end within quotes, and goes on then. */
function* recordsOf(text: string): Iterable<string> {
  let start = 0;
  let isQuoted = false;
  let isAtStart = true;
  for (let at = 0; at < text.length; at += 1) {
    const letter = text[at];
    // A quote opens a cell at its beginning alone; within, two of them are one.
    if (letter === '"' && (isQuoted || isAtStart)) isQuoted = !isQuoted;
    else if (letter === '"' && text[at - 1] === '"') isQuoted = true;
    isAtStart = !isQuoted && (letter === ',' || letter === '\n' || letter === '\r');
    const isEnd = letter === '\n' || (letter === '\r' && text[at + 1] !== '\n');
    if (isQuoted || !isEnd) continue;
    yield text.slice(start, at + 1);
    start = at + 1;
  }
  if (start < text.length) yield text.slice(start);
}
