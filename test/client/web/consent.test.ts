import { expect, test } from 'vitest';
import { type Description, purposesOf } from '../../../client/web/consent.ts';
import { matchesPattern } from '../../../protocol/name-pattern.ts';

const description = (...purposes: string[]) =>
  ({ rows: 1, jobs: purposes.map((purpose) => ({ purpose })) }) as unknown as Description;

test('permits the purposes that were shown, each once, and no others', () => {
  const patterns = purposesOf(description('read digits', 'read digits', 'heart: risk?'));
  expect(patterns).toEqual(['read digits', 'heart: risk?']);
  expect(patterns.some((pattern) => matchesPattern('sell digits', pattern))).toBe(false);
});

test('a purpose that is a pattern permits itself and not everything', () => {
  const [pattern = ''] = purposesOf(description('any*'));
  expect(matchesPattern('any*', pattern)).toBe(true);
  expect(matchesPattern('anything at all', pattern)).toBe(false);
  expect(matchesPattern('anything at all', 'any*')).toBe(true);
});
