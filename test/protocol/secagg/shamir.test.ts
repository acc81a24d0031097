import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { primitives } from '#primitives';
import { toHex } from '../../../protocol/bytes.ts';
import { seededRandom } from '../../../protocol/random.ts';
import { combine, SHARES_MAX, split } from '../../../protocol/secagg/shamir.ts';

const { random } = primitives;
const sharesOf = (parts: readonly Uint8Array[]) => parts.map((bytes, i) => ({ place: i + 1, bytes }));

/** Products in the field by long multiplication: FIPS 197, 4.2. */
function product(a: number, b: number): number {
  let sum = 0;
  for (let bit = 7; bit >= 0; bit -= 1) {
    sum = (sum << 1) ^ (sum & 0x80 ? 0x11b : 0);
    if ((b >> bit) & 1) sum ^= a;
  }
  return sum;
}

test('the field of the oracle is that of FIPS 197', () => {
  expect(product(0x57, 0x83)).toBe(0xc1);
  expect(product(0x57, 0x13)).toBe(0xfe);
});

test('a share is the value of the polynomial at its place', () => {
  // The coefficients are what was drawn: 1, 2, ... for the first byte of each.
  const drawn = { fill: (target: Uint8Array) => target.set(target.map((_, i) => i + 1)) };
  const parts = split(Uint8Array.of(0xa5), 3, 255, drawn);
  for (const [i, [value]] of parts.entries()) {
    const x = i + 1;
    expect(value).toBe(0xa5 ^ product(1, x) ^ product(5, product(x, x)));
  }
});

test('any t of n shares give the secret, whatever its length', () => {
  const arrangement = fc
    .record({
      secret: fc.uint8Array({ maxLength: 70 }),
      count: fc.integer({ min: 1, max: 40 }),
      seed: fc.uint8Array({ minLength: 32, maxLength: 32 }),
    })
    .chain((given) =>
      fc.integer({ min: 1, max: given.count }).chain((threshold) =>
        fc.record({
          ...{ given: fc.constant(given), threshold: fc.constant(threshold) },
          places: fc.shuffledSubarray(
            Array.from({ length: given.count }, (_, i) => i),
            { minLength: threshold },
          ),
        }),
      ),
    );
  fc.assert(
    fc.property(arrangement, ({ given: { secret, count, seed }, threshold, places }) => {
      const shares = sharesOf(split(secret, threshold, count, seededRandom(seed)));
      const chosen = places.flatMap((place) => shares[place] ?? []);
      expect(toHex(combine(chosen))).toBe(toHex(secret));
    }),
  );
});

test('all 255 places can be had', () => {
  const secret = Uint8Array.from({ length: 64 }, (_, i) => i);
  const shares = sharesOf(split(secret, 171, SHARES_MAX, random));
  expect(combine(shares.slice(-171))).toEqual(secret);
  expect(combine(shares.slice(-170))).not.toEqual(secret);
});

test('t - 1 shares fit every secret equally: each has exactly one last share', () => {
  const shares = sharesOf(split(Uint8Array.of(0x3c), 4, 6, random));
  const known = shares.slice(0, 3);
  const secrets = new Set<number>();
  for (let value = 0; value < 256; value += 1)
    secrets.add(combine([...known, { place: 4, bytes: Uint8Array.of(value) }])[0] ?? -1);
  expect(secrets.size).toBe(256);
});

test('shares are fresh each time', () => {
  const secret = new Uint8Array(32);
  expect(split(secret, 2, 3, random)).not.toEqual(split(secret, 2, 3, random));
});

describe('what are no shares', () => {
  const secret = Uint8Array.of(1, 2, 3);
  const good = sharesOf(split(secret, 2, 3, random));

  test('are told', () => {
    expect(combine(good.slice(0, 2))).toEqual(secret);
    const [first, second] = good as [(typeof good)[0], (typeof good)[0]];
    for (const wrong of [
      [],
      [first, first],
      [first, { ...second, place: 0 }],
      [first, { ...second, place: 256 }],
      [first, { ...second, place: 1.5 }],
      [first, { ...second, bytes: second.bytes.slice(1) }],
    ])
      expect(() => combine(wrong)).toThrow(expect.objectContaining({ code: 'sharesInvalid' }));
  });

  test.each([
    [0, 3],
    [4, 3],
    [2, 256],
  ])('cannot be asked for: %d of %d', (threshold, count) => {
    expect(() => split(secret, threshold, count, random)).toThrow(RangeError);
  });
});
