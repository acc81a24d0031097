import { expect, test } from 'vitest';
import { type DataSet, fittingDataSet } from '../../../client/data/data-set.ts';
import { HanseError } from '../../../protocol/problem.ts';
import { clouds } from '../../fixtures/small-job.ts';

const set = (version: string): DataSet => ({ examples: clouds(4), version, allowSingleClass: false });
const mismatch = (what: string) => new HanseError('dataShapeMismatch', { what, expected: '1', got: '2' });

test('the first that fits is taken, and nothing behind it is looked at', async () => {
  const looked: string[] = [];
  const taken = await fittingDataSet([set('a'), set('b'), set('c')], ({ version }) => {
    looked.push(version);
    if (version === 'a') throw mismatch('a');
  });
  expect([taken.version, looked]).toEqual(['b', ['a', 'b']]);
});

test('what is wrong otherwise with one that is looked at is told, and no other taken in its place', async () => {
  const empty = () => {
    throw new HanseError('dataEmpty', { source: 'a' });
  };
  await expect(fittingDataSet([set('a'), set('b')], empty)).rejects.toThrow(/no example/);
});

test('where none fits, it is told of the first', async () => {
  const none = ({ version }: DataSet) => {
    throw mismatch(version);
  };
  await expect(fittingDataSet([set('a'), set('b')], none)).rejects.toThrow(mismatch('a').message);
  await expect(fittingDataSet([], none)).rejects.toThrow(/no example/);
});

test('one that may not be used is passed over, and told of where no other fits', async () => {
  const over = new HanseError('dataRetentionPassed', { source: 'b', retention: '2020-01-01' });
  const check = ({ version }: DataSet) => {
    if (version === 'a') throw mismatch('a');
    if (version === 'b') throw over;
  };
  expect((await fittingDataSet([set('a'), set('b'), set('c')], check)).version).toBe('c');
  await expect(fittingDataSet([set('a'), set('b')], check)).rejects.toBe(over);
});
