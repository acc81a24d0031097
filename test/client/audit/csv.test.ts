import fc from 'fast-check';
import { expect, test } from 'vitest';
import { csvLine } from '../../../client/audit/csv.ts';

test('what would be a formula is text, in all its forms', () => {
  for (const start of ['=', '+', '-', '@', '\t', '\r', '\n', '＝', '＋', '－', '＠', '−', ' =', '\u200b='])
    expect(csvLine([`${start}1+1`])).toBe(`"'${start}1+1"`);
});

test('what is none stays as it is', () => {
  expect(csvLine(['clinic-a', '2026-01-01', 'a=b', '', 'x\ny'])).toBe(
    '"clinic-a","2026-01-01","a=b","","x\ny"',
  );
});

test('quotes are doubled, so that nothing leaves its field', () => {
  expect(csvLine(['say "=1"', 'b'])).toBe('"say ""=1""","b"');
  fc.assert(
    fc.property(fc.array(fc.string({ unit: 'binary' }), { minLength: 1 }), (fields) => {
      const line = csvLine(fields);
      const read =
        line.match(/"(?:[^"]|"")*"/g)?.map((field) => field.slice(1, -1).replaceAll('""', '"')) ?? [];
      expect(read.length).toBe(fields.length);
      for (const [at, field] of read.entries())
        if (!/^[^=+\-@\t\r]/.test(`${field}.`) || !field.endsWith(fields[at] as string)) expect.fail(field);
    }),
    { numRuns: 20 },
  );
});
