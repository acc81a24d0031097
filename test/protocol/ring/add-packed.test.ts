import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { addPacked } from '../../../protocol/ring/add-packed.ts';
import { pack } from '../../../protocol/ring/bit-pack.ts';
import { packedBytes } from '../../../protocol/vector.ts';

const integers = fc.integer({ min: -(2 ** 31), max: 2 ** 31 - 1 });

describe('addPacked', () => {
  test('adds modulo 2^b at the given place and nowhere else, for every width', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 16, max: 32 }),
        fc.array(fc.tuple(integers, integers), { minLength: 1, maxLength: 70 }),
        fc.integer({ min: 0, max: 9 }),
        (width, pairs, first) => {
          const words = new Uint32Array(packedBytes(pairs.length, width) / 4);
          pack(
            Int32Array.from(pairs, ([, addend]) => addend),
            width,
            words,
          );
          const sums = Int32Array.from([...new Array(first).fill(5), ...pairs.map(([start]) => start), 6]);
          addPacked(sums, first, words, width, pairs.length);
          const low = (value: bigint) => BigInt.asUintN(width, value);
          expect([...sums].map((sum) => low(BigInt(sum)))).toEqual(
            [
              ...new Array(first).fill(5n),
              ...pairs.map(([start, addend]) => BigInt(start) + BigInt(addend)),
              6n,
            ].map(low),
          );
        },
      ),
      { numRuns: 300 },
    );
  });
});
