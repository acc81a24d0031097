import { expect, test } from 'vitest';
import { significant } from '../../../client/commands/significant.ts';

test('a number has so many digits at most, and no zeros after them', () => {
  expect([0, 0.1 + 0.2, 1234.5, 123456, 2e-9, -1.00004].map((value) => significant(value))).toEqual([
    '0',
    '0.3',
    '1235',
    '123500',
    '2e-9',
    '-1',
  ]);
  expect(significant(Math.PI, 2)).toBe('3.1');
});
