import { expect, test } from 'vitest';
import { RowBook } from '../../../protocol/audit/answer.ts';

test('rows are filled by key, with the entries behind them, and those beyond the limit are counted', () => {
  const book = new RowBook<{ name: string; count: number }>(2);
  for (const [leaf, name] of ['a', 'b', 'a', 'c', 'c'].entries()) {
    const cells = book.at(name, leaf, () => ({ name, count: 0 }));
    if (cells) cells.count += 1;
  }
  expect(book.table('names', 'Names')).toEqual({
    ...{ name: 'names', caption: 'Names', leftOut: 2 },
    rows: [
      { cells: { name: 'a', count: 2 }, leaves: { count: 2, leaves: [0, 2], last: 2 } },
      { cells: { name: 'b', count: 1 }, leaves: { count: 1, leaves: [1], last: 1 } },
    ],
  });
  expect([...book.rows()].map(([{ name }]) => name)).toEqual(['a', 'b']);
});

test('memory has a limit, however many names there are', () => {
  const book = new RowBook();
  for (let leaf = 0; leaf < 5000; leaf += 1) book.add(leaf, { leaf });
  expect(book.table('all', 'All').rows.length).toBe(1000);
  expect(book.leftOut).toBe(4000);
});
