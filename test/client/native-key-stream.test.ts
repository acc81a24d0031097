import fc from 'fast-check';
import { expect, test } from 'vitest';
import { nativeSeededRandom } from '../../client/native-key-stream.ts';
import { seededRandom } from '../../protocol/random.ts';

test('the bits are those of the portable stream, however they are drawn', () => {
  const draws = fc.array(
    fc.oneof(fc.integer({ min: 0, max: 100 }), fc.integer({ min: 60_000, max: 140_000 })),
    {
      minLength: 1,
      maxLength: 5,
    },
  );
  const seen = new Set<string>();
  fc.assert(
    fc.property(fc.uint8Array({ minLength: 32, maxLength: 32 }), draws, (key, lengths) => {
      const [native, portable] = [nativeSeededRandom(key), seededRandom(key)];
      for (const length of lengths) {
        const [one, other] = [new Uint8Array(length), new Uint8Array(length)];
        native.fill(one);
        portable.fill(other);
        expect(Buffer.compare(one, other)).toBe(0);
        seen.add(one.subarray(0, 8).join());
      }
    }),
    { numRuns: 30 },
  );
  expect(seen.size).toBeGreaterThan(1);
});
