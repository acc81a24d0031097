/** Nobody contributes more than may be, whichever rows are taken, and each of them as often as the others. */
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { boundedKeys, boundedRows } from '../../../../protocol/dp/statistics/contribution-bound.ts';
import { chiSquareRatio } from '../chi-square.ts';
import { anyTable, random } from './tables.ts';

const most = fc.integer({ min: 1, max: 5 });
const seed = fc.integer({ min: 0, max: 255 });

function countsOf(names: readonly string[]): Map<string, number> {
  const counts = new Map<string, number>();
  for (const name of names) counts.set(name, (counts.get(name) ?? 0) + 1);
  return counts;
}

test('of each person there are as many rows as there were, or the most that may be', () => {
  fc.assert(
    fc.property(anyTable, most, seed, ({ persons, values }, k, at) => {
      const hasValue = (row: number) => !Number.isNaN(values[row]);
      const rows = boundedRows(persons, hasValue, k, random(at));
      expect(new Set(rows).size).toBe(rows.length);
      const kept = countsOf(rows.map((row) => persons[row] as string));
      const all = countsOf(persons.filter((_, row) => hasValue(row)));
      expect(kept).toEqual(new Map([...all].map(([person, count]) => [person, Math.min(k, count)])));
    }),
  );
});

test('of each person a key counts once, and no more keys than may be', () => {
  fc.assert(
    fc.property(anyTable, most, seed, ({ persons, values }, k, at) => {
      const keyOf = (row: number) => (values[row] === 0 ? undefined : `${persons[row]}${row % 3}`);
      const keys = boundedKeys(persons, keyOf, k, random(at));
      expect(new Set(keys).size).toBe(keys.length);
      for (const [, count] of countsOf(keys.map((key) => key.slice(0, 1))))
        expect(count).toBeLessThanOrEqual(Math.min(3, k));
    }),
  );
});

test('each subset of the rows of a person is equally likely, which the first rows are not', () => {
  const persons = ['a', 'a', 'a', 'b', 'a'];
  const source = random(1);
  const subsets = new Map([3, 5, 6, 9, 10, 12].map((bits) => [bits, 1 / 6]));
  const placeOf = [0, 1, 2, -1, 3];
  const bitsOf = (rows: readonly number[]) =>
    rows.reduce((bits, row) => bits + (persons[row] === 'a' ? 2 ** (placeOf[row] as number) : 0), 0);
  const draws = Array.from({ length: 3000 }, () => bitsOf(boundedRows(persons, () => true, 2, source)));
  expect(chiSquareRatio(draws, subsets)).toBeLessThan(1);
  expect(chiSquareRatio(new Array(3000).fill(3), subsets)).toBeGreaterThan(5);
});

test('what others have does not decide how many rows of a person are taken', () => {
  const alone = boundedRows(['a', 'a', 'a'], () => true, 2, random(1)).length;
  const among = boundedRows(['a', 'b', 'a', 'c', 'a'], () => true, 2, random(1)).length;
  expect([alone, among]).toEqual([2, 4]);
});
