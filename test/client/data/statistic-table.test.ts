import { expect, test } from 'vitest';
import { csvSchema, parseCsv } from '../../../client/data/csv.ts';
import { selectExamples } from '../../../client/data/examples.ts';
import { hasColumn, statisticTable } from '../../../client/data/statistic-table.ts';

const text = 'who,age,bmi,risk,note\nA,30,20.5,low,x\nB,41,22,high,y\nA,31,21,low,z\n';
const bytes = new TextEncoder().encode(text);
const ofNames = parseCsv(bytes, csvSchema(['age', 'bmi'], 'risk', ['low', 'high'], 'who'), 'visits.csv');
const ofNumbers = parseCsv(bytes, csvSchema(['age'], 'bmi', undefined), 'visits.csv');

test('features and targets are columns by the names that their owner has declared', () => {
  expect(statisticTable(ofNames, 'bmi', 'person')).toEqual({
    persons: ['0', '1', '0'],
    values: Float64Array.of(20.5, 22, 21),
    keys: ['20.5', '22', '21'],
  });
  expect(statisticTable(ofNames, 'risk', 'person')).toEqual({
    persons: ['0', '1', '0'],
    values: Float64Array.of(Number.NaN, Number.NaN, Number.NaN),
    keys: ['low', 'high', 'low'],
  });
  expect(statisticTable(ofNumbers, 'bmi', 'example')).toMatchObject({
    persons: ['0', '1', '2'],
    values: Float64Array.of(20.5, 22, 21),
  });
  expect(statisticTable(selectExamples(ofNames, Uint32Array.of(1)), 'age', 'person')).toEqual({
    persons: ['0'],
    values: Float64Array.of(41),
    keys: ['41'],
  });
});

test('what is not declared is no column, and whose rows they are has to be said', () => {
  expect([hasColumn(ofNames, 'age'), hasColumn(ofNames, 'risk')]).toEqual([true, true]);
  for (const column of ['note', 'who', '', 'AGE']) {
    expect(hasColumn(ofNames, column)).toBe(false);
    expect(() => statisticTable(ofNames, column, 'person')).toThrow(
      expect.objectContaining({ code: 'columnUnknown' }),
    );
  }
  const { columns: _, ...nameless } = ofNames;
  expect(hasColumn(nameless, 'age')).toBe(false);
  expect(() => statisticTable(ofNumbers, 'age', 'person')).toThrow(
    expect.objectContaining({ code: 'dataWithoutPersons' }),
  );
});
