import fc from 'fast-check';
import { expect, test } from 'vitest';
import { bytesOfSet, decodeSet, encodeSet } from '../../../protocol/secagg/members.ts';

test('a bit for each, lowest first, in whole bytes', () => {
  expect([...encodeSet([0, 9], 10)]).toEqual([1, 2]);
  expect([...encodeSet([7, 3], 8)]).toEqual([0b1000_1000]);
  expect(decodeSet(Uint8Array.of(1, 2), 10)).toEqual([0, 9]);
  expect([1, 8, 9, 16].map(bytesOfSet)).toEqual([1, 1, 2, 2]);
});

test('what is written is read, whatever the order', () => {
  const sets = fc
    .integer({ min: 1, max: 200 })
    .chain((count) => fc.tuple(fc.constant(count), fc.uniqueArray(fc.nat({ max: count - 1 }))));
  fc.assert(
    fc.property(sets, ([count, indices]) => {
      expect(decodeSet(encodeSet(indices, count), count)).toEqual([...indices].sort((a, b) => a - b));
    }),
    { numRuns: 50 },
  );
});

test.each<[what: string, bytes: number[]]>([
  ['a byte too few', [255]],
  ['a byte too many', [255, 3, 0]],
  ['somebody beyond the roster', [255, 4]],
])('%s is no set', (_what, bytes) => {
  expect(decodeSet(Uint8Array.of(255, 3), 10)).toHaveLength(10);
  expect(decodeSet(Uint8Array.from(bytes), 10)).toBeUndefined();
});
