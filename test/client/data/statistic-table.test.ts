import { expect, test } from 'vitest';
import { csvSchema, parseCsv } from '../../../client/data/csv.ts';
import { selectExamples } from '../../../client/data/examples.ts';
import { hasColumn, requireAnswers, statisticTable } from '../../../client/data/statistic-table.ts';
import type { StatisticQuestion } from '../../../schemas/statistic-question.ts';

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

test('names of numbers are those of the table, although values are 32-bit floats', () => {
  const table = parseCsv(
    new TextEncoder().encode('x,y\n30.1,0\n-0.25,0\n1e-7,0\n16777216,0\n0,0\n'),
    csvSchema(['x'], 'y', undefined),
    'x.csv',
  );
  expect(statisticTable(table, 'x', 'example').keys).toEqual(['30.1', '-0.25', '1e-7', '16777216', '0']);
});

test('a column of names is counted by name alone: nobody is told a number that means nothing', () => {
  const count = { statistic: 'count', epsilon: 1, maxRows: 1 } as const;
  const names: StatisticQuestion = { statistic: 'categories', epsilon: 1, maxBuckets: 1, names: ['low'] };
  expect(() => requireAnswers(ofNames, 'risk', names)).not.toThrow();
  expect(() => requireAnswers(ofNames, 'age', count)).not.toThrow();
  expect(() => requireAnswers(ofNumbers, 'bmi', count)).not.toThrow();
  expect(() => requireAnswers(ofNames, 'risk', count)).toThrow(
    expect.objectContaining({ code: 'columnOfNames' }),
  );
});
