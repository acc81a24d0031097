import { expect, test } from 'vitest';
import { type DataSet, fittingDataSet } from '../../../client/data/data-set.ts';
import { HanseError } from '../../../protocol/problem.ts';
import { clouds } from '../../fixtures/small-job.ts';

const set = (version: string): DataSet => ({ examples: clouds(4), version, allowSingleClass: false });
const mismatch = (what: string) => new HanseError('dataShapeMismatch', { what, expected: '1', got: '2' });

test('the first that fits is taken, and nothing behind it is looked at', () => {
  const looked: string[] = [];
  const taken = fittingDataSet([set('a'), set('b'), set('c')], ({ version }) => {
    looked.push(version);
    if (version === 'a') throw mismatch('a');
  });
  expect([taken.version, looked]).toEqual(['b', ['a', 'b']]);
});

test('what is wrong otherwise with one that is looked at is told, and no other taken in its place', () => {
  const empty = () => {
    throw new HanseError('dataEmpty', { source: 'a' });
  };
  expect(() => fittingDataSet([set('a'), set('b')], empty)).toThrow(/no example/);
});

test('where none fits, it is told of the first', () => {
  const none = ({ version }: DataSet) => {
    throw mismatch(version);
  };
  expect(() => fittingDataSet([set('a'), set('b')], none)).toThrow(mismatch('a').message);
  expect(() => fittingDataSet([], none)).toThrow(/no example/);
});
