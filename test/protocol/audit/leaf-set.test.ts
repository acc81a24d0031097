import fc from 'fast-check';
import { expect, test } from 'vitest';
import { LeafSet, leavesInWords } from '../../../protocol/audit/leaf-set.ts';

test('counts all, names the first ones, and knows the last', () => {
  fc.assert(
    fc.property(
      fc.array(fc.nat(1000), { maxLength: 60 }),
      fc.integer({ min: 60, max: 80 }),
      (leaves, most) => {
        const set = new LeafSet(most);
        for (const leaf of leaves) set.add(leaf);
        const distinct = [...new Set(leaves)].sort((a, b) => a - b);
        expect(set.told()).toEqual({
          count: distinct.length,
          leaves: distinct,
          last: distinct.at(-1) ?? null,
        });
      },
    ),
  );
});

test('names no more than it was told to, however many there are', () => {
  const set = new LeafSet(3);
  for (let leaf = 10; leaf < 10_000; leaf += 1) set.add(leaf);
  expect(set.told()).toEqual({ count: 9990, leaves: [10, 11, 12], last: 9999 });
});

test.each([
  [[], ''],
  [[7], '7'],
  [[12, 13, 14, 20], '12-14, 20'],
  [[1, 3, 5, 7, 9, 11, 13, 15], '1, 3, 5, 7, 9, 11 and 2 more to 15'],
])('%j is told as %s', (leaves, words) => {
  const set = new LeafSet();
  for (const leaf of leaves) set.add(leaf);
  expect(leavesInWords(set.told())).toBe(words);
});
