import fc from 'fast-check';
import { expect, test } from 'vitest';
import { editDistance, nearestName } from '../../../client/config/nearest-name.ts';

test('known distances', () => {
  for (const [a, b, distance] of [
    ['', '', 0],
    ['', 'abc', 3],
    ['kitten', 'sitting', 3],
    ['ab', 'ba', 1],
    ['ca', 'abc', 3], // 2 if a part might be edited twice
    ['polciy', 'policy', 1],
  ] as const)
    expect([a, b, editDistance(a, b)]).toEqual([a, b, distance]);
});

const word = fc.string({ unit: fc.constantFrom('a', 'b', 'c'), maxLength: 8 });

test('a distance: zero for equals alone, the same both ways, at most the longer word', () => {
  fc.assert(
    fc.property(word, word, (a, b) => {
      const distance = editDistance(a, b);
      expect(distance === 0).toBe(a === b);
      expect(editDistance(b, a)).toBe(distance);
      expect(distance).toBeLessThanOrEqual(Math.max(a.length, b.length));
      expect(distance).toBeGreaterThanOrEqual(Math.abs(a.length - b.length));
    }),
  );
});

test('a slip of the pen finds its word, another word none', () => {
  const names = ['purposes', 'minimumCohort', 'hours'];
  expect(nearestName('purpose', names)).toBe('purposes');
  expect(nearestName('minimum_cohort', names)).toBe('minimumCohort');
  expect(nearestName('huors', names)).toBe('hours');
  expect(nearestName('password', names)).toBeUndefined();
  expect(nearestName('h'.repeat(1_000_000), names)).toBeUndefined();
  expect(nearestName('x', [])).toBeUndefined();
});
