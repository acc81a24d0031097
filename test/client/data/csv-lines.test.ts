import fc from 'fast-check';
import Papa from 'papaparse';
import { expect, test } from 'vitest';
import { parseColumns } from '../../../client/data/csv.ts';
import { withoutRows } from '../../../client/data/csv-lines.ts';
import { utf8 } from '../../../protocol/bytes.ts';

const text = (bytes: Uint8Array) => new TextDecoder('utf-8', { ignoreBOM: true }).decode(bytes);
const without = (table: string, rows: number[], columns = ['a']) =>
  text(withoutRows(utf8(table), new Set(rows), columns, 't.csv'));

test('the others keep every byte: quotes, spaces, ends of lines, empty lines', () => {
  expect(without('a,b\n1,2\n3,4\n5,6\n', [1])).toBe('a,b\n1,2\n5,6\n');
  expect(without('a,b\r\n"1", 2\r\n3,4\r\n\r\n5,6', [1])).toBe('a,b\r\n"1", 2\r\n\r\n5,6');
  expect(without('a,b\n"x\ny",1\n"say ""no""",2\n,3\n', [0])).toBe('a,b\n"say ""no""",2\n,3\n');
  expect(without('a,b\n"x\ny",1\n"say ""no""\n",2\n"",3\n', [1])).toBe('a,b\n"x\ny",1\n"",3\n');
  expect(without('\uFEFFa\n1\n2\n', [1])).toBe('\uFEFFa\n1\n');
  expect(without('a\n1\n', [])).toBe('a\n1\n');
});

test('a table whose rows cannot be told apart stays as it is', () => {
  expect(() => without('a,b\n5"" x,1\n2,2\n3"" y,3\n', [1])).toThrow(/told apart/);
});

test('what is left is what was there without the rows, whatever cells hold', () => {
  const cell = fc.string({ unit: fc.constantFrom('a', '1', '"', ',', '\n', '\r\n', ' ', 'ö'), maxLength: 6 });
  const table = fc.array(fc.tuple(cell, cell), { minLength: 1, maxLength: 12 });
  fc.assert(
    fc.property(
      table,
      fc.infiniteStream(fc.boolean()),
      fc.constantFrom('\n', '\r\n'),
      (cells, draws, newline) => {
        const csv = Papa.unparse([['x', 'y'], ...cells], { newline, quotes: true });
        const gone = cells.flatMap((_, row) => (draws.next().value ? [row] : []));
        const left = withoutRows(utf8(csv), new Set(gone), ['x', 'y'], 't.csv');
        const kept = cells.filter((_, row) => !gone.includes(row));
        const expected = [0, 1].map((column) => kept.map((row) => (row[column as 0 | 1] ?? '').trim()));
        expect(parseColumns(left, ['x', 'y'], 't.csv')).toEqual(expected);
      },
    ),
    { numRuns: 200 },
  );
});
