/**
 * An answer out of a log as people read it: tables as wide as a terminal bears, each row with the entries behind it.
 */
import type { AnswerTable, Cell } from '../../protocol/audit/answer.ts';
import { leavesInWords } from '../../protocol/audit/leaf-set.ts';
import type { VerifiedLog } from '../../protocol/audit/verified-entries.ts';
import { inWords } from '../audit/column-name.ts';
import { significant } from './significant.ts';

/** Of one table: the first and the last ones; --json has all. */
const ROWS = 16;
/** Of one cell that has several. */
const LINES = 24;
/** Of one cell, in characters. */
const WIDTH = 44;

export function* logLines(
  { origin, size, root, witnesses }: VerifiedLog,
  isPinned: boolean,
): Generator<string> {
  const { cosigned, total, needed } = witnesses;
  yield `${origin}  ${size} ${size === 1 ? 'entry' : 'entries'}, verified`;
  yield `  root ${root}`;
  yield `  seen by ${cosigned} of ${total} witnesses; ${needed} are needed`;
  if (!isPinned) yield '  the key of the log is its own word: pin one with --key';
}

/** @param isWhole whether tables without rows are told, too */
export function* answerLines(tables: readonly AnswerTable[], isWhole = false): Generator<string> {
  for (const { caption, rows, leftOut } of tables) {
    if (rows.length === 0) {
      if (isWhole) yield `${caption}: none`;
      continue;
    }
    yield `${caption}:`;
    const hidden = Math.max(0, rows.length - ROWS);
    const shown = hidden === 0 ? rows : [...rows.slice(0, ROWS / 2), ...rows.slice(-ROWS / 2)];
    const all = Object.keys(rows[0]?.cells ?? {}).filter((column) =>
      shown.some(({ cells }) => (cells[column] ?? '') !== ''),
    );
    const below = all.filter((column) => shown.some(({ cells }) => isOfLines(cells[column])));
    const columns = all.filter((column) => !below.includes(column));
    const isNumber = columns.map((column) =>
      shown.every(({ cells }) => typeof (cells[column] ?? 0) === 'number'),
    );
    const lines = [
      [...columns.map(inWords), 'leaves'],
      ...shown.map(({ cells, leaves }) => [
        ...columns.map((column) => cellText(cells[column] ?? null)),
        leavesInWords(leaves, 3),
      ]),
    ];
    const widths =
      lines[0]?.map((_, at) => Math.max(...lines.map((line) => [...(line[at] ?? '')].length))) ?? [];
    for (const [at, line] of lines.entries()) {
      const padded = line.map((text, column) => {
        const gap = ' '.repeat((widths[column] ?? 0) - [...text].length);
        return isNumber[column] ? gap + text : text + gap;
      });
      yield `  ${padded.join('  ').trimEnd()}`;
      for (const column of below) yield* linesOf(shown[at - 1]?.cells[column]);
      if (hidden > 0 && at === ROWS / 2) yield `  ... ${hidden} more rows: --json tells them`;
    }
    if (leftOut > 0) yield `  and ${leftOut} more entries in rows that are left out`;
  }
}

function isOfLines(cell: Cell | undefined): boolean {
  return typeof cell === 'string' && cell.includes('\n');
}

/** What has several lines stands below its row. */
function* linesOf(cell: Cell | undefined): Generator<string> {
  if (typeof cell !== 'string') return;
  const lines = cell.trimEnd().split('\n');
  for (const line of lines.slice(0, LINES)) yield `      ${line}`;
  if (lines.length > LINES) yield `      and ${lines.length - LINES} more lines: --json tells them`;
}

function cellText(cell: Cell): string {
  if (cell === null) return '-';
  if (typeof cell === 'number') return Number.isInteger(cell) ? String(cell) : significant(cell, 6);
  // Of hashes as much as tells them apart, of moments the seconds.
  if (/^[0-9a-f]{32,64}$/.test(cell)) return cell.slice(0, 16);
  const [, moment] = /^(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)(?:\.\d+)?Z$/.exec(cell) ?? [];
  if (moment !== undefined) return `${moment}Z`;
  const characters = [...cell.replaceAll(/\s+/g, ' ')];
  return characters.length > WIDTH ? `${characters.slice(0, WIDTH - 1).join('')}…` : characters.join('');
}
