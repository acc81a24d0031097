import { chacha20 } from '@noble/ciphers/chacha.js';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { RandomNumbers, randomBytes, seededRandom } from '../../protocol/random.ts';

const key = (byte: number) => new Uint8Array(32).fill(byte);

describe('seededRandom', () => {
  test('is the ChaCha20 key stream, whatever the sizes of the requests', () => {
    fc.assert(
      fc.property(fc.array(fc.integer({ min: 0, max: 5000 }), { maxLength: 30 }), (sizes) => {
        const source = seededRandom(key(7));
        const parts = sizes.map((size) => {
          const part = new Uint8Array(size);
          source.fill(part);
          return part;
        });
        const got = Buffer.concat(parts);
        const nonce = (i: number) => Uint8Array.of(i, ...new Array(11).fill(0));
        const expected = Buffer.concat(
          [0, 1, 2].map((i) => chacha20(key(7), nonce(i), new Uint8Array(65_536))),
        );
        expect(got.equals(expected.subarray(0, got.length))).toBe(true);
      }),
      { numRuns: 20 },
    );
  });

  test('gives its bytes in order, as many as asked for', () => {
    const [whole, source] = [seededRandom(key(7)), seededRandom(key(7))];
    const parts = [randomBytes(source, 3), randomBytes(source, 0), randomBytes(source, 5)];
    expect(parts.map(({ length }) => length)).toEqual([3, 0, 5]);
    expect(Buffer.concat(parts).equals(randomBytes(whole, 8))).toBe(true);
  });

  test('different keys give different streams', () => {
    const [a, b] = [1, 2].map((byte) => new RandomNumbers(seededRandom(key(byte))).uint32());
    expect(a).not.toBe(b);
  });
});

describe('RandomNumbers', () => {
  test('below() is uniform: chi-square over a fixed seed', () => {
    const numbers = new RandomNumbers(seededRandom(key(3)));
    const counts = new Array(7).fill(0);
    for (let i = 0; i < 70_000; i += 1) counts[numbers.below(7)] += 1;
    const chiSquare = counts.reduce((sum, count) => sum + (count - 10_000) ** 2 / 10_000, 0);
    expect(chiSquare).toBeLessThan(22.5); // 0.999 quantile with 6 degrees of freedom
  });

  test('below() rejects words that would bias', () => {
    // 2^32 mod 3 = 1: the highest word must be drawn again.
    const words = [0xffffffff, 5];
    const source = {
      fill(target: Uint8Array) {
        const view = new DataView(target.buffer);
        for (let i = 0; i < target.length / 4; i += 1) view.setUint32(4 * i, words[i % 2] ?? 0, true);
      },
    };
    expect(new RandomNumbers(source).below(3)).toBe(2);
    expect(() => new RandomNumbers(source).below(0)).toThrow(RangeError);
  });

  test('shuffle() permutes', () => {
    const items = Uint32Array.from({ length: 1000 }, (_, i) => i);
    const shuffled = new RandomNumbers(seededRandom(key(4))).shuffle(items.slice());
    expect(shuffled).not.toEqual(items);
    expect(shuffled.slice().sort()).toEqual(items);
  });

  test('some() chooses without repeating, and leaves the items as they are', () => {
    const numbers = new RandomNumbers(seededRandom(key(6)));
    const items = [0, 1, 2, 3];
    const counts = [0, 0, 0, 0];
    for (let turn = 0; turn < 4000; turn += 1) {
      const chosen = numbers.some(items, 2);
      expect(new Set(chosen).size).toBe(2);
      for (const item of chosen) counts[item] = (counts[item] ?? 0) + 1;
    }
    // Five standard deviations of a binomial number of mean 2000.
    for (const count of counts) expect(Math.abs(count - 2000)).toBeLessThan(160);
    expect(items).toEqual([0, 1, 2, 3]);
    expect(numbers.some(items, 4)).toEqual(items);
    expect(numbers.some(items, 0)).toEqual([]);
  });

  test('unit() and normal() have the moments of their distributions', () => {
    const numbers = new RandomNumbers(seededRandom(key(5)));
    const mean = (draw: () => number) => {
      let sum = 0;
      for (let i = 0; i < 100_000; i += 1) sum += draw();
      return sum / 100_000;
    };
    expect(mean(() => numbers.unit())).toBeCloseTo(0.5, 2);
    expect(Math.abs(mean(() => numbers.normal()))).toBeLessThan(0.015);
    expect(mean(() => numbers.normal() ** 2)).toBeCloseTo(1, 1);
  });
});
