/**
 * What one person may contribute to a statistic: no more than so many rows, or so many different keys, chosen at random
 * where there are more. It comes before everything else, as sensitivities rest on it. Rows without a person count as those
 * of one person. Who loses how many rows is told to nobody.
 */
import { RandomNumbers, type RandomSource } from '../../random.ts';

/**
 * @param persons    [rows]
 * @param hasValue   rows without a value are no rows
 * @param maxRows    at least 1
 * @returns numbers of rows, at most `maxRows` of each person, each subset of them equally likely
 */
export function boundedRows(
  persons: readonly string[],
  hasValue: (row: number) => boolean,
  maxRows: number,
  random: RandomSource,
): number[] {
  const numbers = new RandomNumbers(random);
  const rowsOf = new Map<string, number[]>();
  persons.forEach((person, row) => {
    if (!hasValue(row)) return;
    const rows = rowsOf.get(person);
    if (rows) rows.push(row);
    else rowsOf.set(person, [row]);
  });
  const kept: number[] = [];
  for (const rows of rowsOf.values()) for (const row of numbers.some(rows, maxRows)) kept.push(row);
  return kept;
}

/**
 * @param keyOf   undefined for rows without a key
 * @param maxKeys at least 1
 * @returns keys, each once for each person who keeps it; at most `maxKeys` different ones of a person
 */
export function boundedKeys<Key>(
  persons: readonly string[],
  keyOf: (row: number) => Key | undefined,
  maxKeys: number,
  random: RandomSource,
): Key[] {
  const numbers = new RandomNumbers(random);
  const keysOf = new Map<string, Set<Key>>();
  persons.forEach((person, row) => {
    const key = keyOf(row);
    if (key === undefined) return;
    const keys = keysOf.get(person);
    if (keys) keys.add(key);
    else keysOf.set(person, new Set([key]));
  });
  const kept: Key[] = [];
  for (const keys of keysOf.values()) for (const key of numbers.some([...keys], maxKeys)) kept.push(key);
  return kept;
}
