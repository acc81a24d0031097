import { expect, test } from 'vitest';
import { answerLines } from '../../../client/commands/statistic-report.ts';

test('a value, a count beside it, and buckets in columns', () => {
  expect(answerLines({ value: 41.5, count: 300, deviation: 1.2345 }, { statistic: 'mean' }, 'age')).toEqual([
    'mean of age: 41.5, noise of deviation 1.23',
    '  of about 300 rows',
  ]);
  const buckets = [
    { name: 'low', count: 7 },
    { name: 'very high', count: 12 },
  ];
  expect(answerLines({ buckets, threshold: 5 }, { statistic: 'categories' }, 'risk')).toEqual([
    'persons by risk',
    '  low         7',
    '  very high  12',
    '  names with fewer than 5 are not told',
  ]);
});

test('a quantile says which', () => {
  expect(answerLines({ value: 73 }, { statistic: 'quantile', quantile: 0.9 }, 'age')).toEqual([
    '0.9 quantile of age: 73',
  ]);
});

test('a terminal obeys no name', () => {
  const buckets = [{ name: 'a\u001b[2J\u202eb', count: 1 }];
  const [, line = ''] = answerLines({ buckets }, { statistic: 'keys' }, 'name');
  expect(line).toContain('a\\u{1b}[2J\\u{202e}b');
  expect(line).not.toMatch(/\p{C}/u);
});
