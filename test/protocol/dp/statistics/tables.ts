/** Small tables and their neighbours, and sources of randomness for the tests of statistics. */
import fc from 'fast-check';
import type { PersonColumn } from '../../../../protocol/dp/statistics/person-column.ts';
import type { RandomSource } from '../../../../protocol/random.ts';

/** Good enough for chi-square, and fast: sfc32 (Doty-Humphrey 2018). Every answer takes a few thousand bytes. */
export function random(seed: number): RandomSource {
  let [a, b, c, counter] = [seed, 0x9e3779b9, 0x243f6a88, 1];
  const next = () => {
    const word = (((a + b) | 0) + counter) | 0;
    counter = (counter + 1) | 0;
    a = b ^ (b >>> 9);
    b = (c + (c << 3)) | 0;
    c = (((c << 21) | (c >>> 11)) + word) | 0;
    return word;
  };
  for (let turn = 0; turn < 20; turn += 1) next();
  return {
    fill(target) {
      for (let at = 0; at < target.length; at += 4) {
        const word = next();
        for (let byte = at; byte < Math.min(at + 4, target.length); byte += 1)
          target[byte] = word >>> (8 * (byte - at));
      }
    },
  };
}

export function table(rows: readonly (readonly [person: string, value: number])[]): PersonColumn {
  return { persons: rows.map(([person]) => person), values: Float64Array.from(rows, ([, value]) => value) };
}

/** The same table without one person. */
export function without({ persons, values }: PersonColumn, person: string): PersonColumn {
  const rows = persons.flatMap((name, row) => (name === person ? [] : [[name, values[row] ?? NaN] as const]));
  return table(rows);
}

/** Of ten persons at most, with any numbers. */
export const anyTable: fc.Arbitrary<PersonColumn> = fc
  .array(fc.tuple(fc.constantFrom(...'abcdefghij'), fc.double({ min: -1e6, max: 1e6 })), { maxLength: 40 })
  .map(table);
