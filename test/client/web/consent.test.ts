import { expect, test } from 'vitest';
import { type Description, purposesOf, usualBudget } from '../../../client/web/consent.ts';
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

const asking = (rows: number, ...units: string[]) =>
  ({ rows, jobs: units.map((privacyUnit) => ({ privacyUnit })) }) as unknown as Description;

test('the budget that is offered protects whom the jobs ask for, and each row where none asks', () => {
  expect(usualBudget(asking(12)).unit).toBe('example');
  expect(usualBudget(asking(12, 'none', 'person', 'participant', 'example')).unit).toBe('participant');
});

test('the delta that is offered is a small part of one over the rows', () => {
  const deltas = [1, 12, 99_999, 100_001, 70_000_000].map((rows) => usualBudget(asking(rows)).delta);
  expect(deltas).toEqual([1e-6, 1e-6, 1e-6, 1e-7, 1e-9]);
});
