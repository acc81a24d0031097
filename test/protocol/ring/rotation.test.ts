import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { RandomNumbers, seededRandom } from '../../../protocol/random.ts';
import { l2Norm } from '../../../protocol/ring/clip.ts';
import { blockOf, rotate, rotateBack } from '../../../protocol/ring/rotation.ts';
import { rotateBackTwin, rotateTwin } from './rotation-twin.ts';

const seedOf = (byte: number) => new Uint8Array(32).fill(byte);

function normal(length: number, seed: number): Float32Array {
  const numbers = new RandomNumbers(seededRandom(seedOf(seed)));
  return Float32Array.from({ length }, () => numbers.normal());
}

function rotated(values: Float32Array, block: number, seed = seedOf(1)): Float32Array {
  const copy = values.slice();
  rotate(copy, block, seed);
  return copy;
}

function largest(values: Float32Array): number {
  return values.reduce((most, value) => Math.max(most, Math.abs(value)), 0);
}

const shapes = fc.record({
  length: fc.oneof(fc.integer({ min: 1, max: 70 }), fc.integer({ min: 71, max: 700 })),
  block: fc.integer({ min: 1, max: 9 }).map((exponent) => 2 ** exponent),
  seed: fc.integer({ min: 0, max: 255 }),
});

describe('rotate', () => {
  test('by hand: four coordinates in one block, five in two that overlap', () => {
    // The first words of the stream under this key: the signs are their lowest bits.
    const word = new Uint8Array(8);
    seededRandom(seedOf(1)).fill(word);
    const four = (values: number[], byte: number) => {
      const signed = values.map((value, i) => value * (1 - 2 * (((word[byte] as number) >> i) & 1)));
      const [a = 0, b = 0, c = 0, d = 0] = signed;
      return [a + b + c + d, a - b + c - d, a + b - c - d, a - b - c + d].map((value) => value / 2);
    };
    expect([...rotated(Float32Array.of(1, 2, 3, 4), 4)]).toEqual(four([1, 2, 3, 4], 0));
    const last = four([2, 3, 4, 5], 0);
    const first = four([1, ...last.slice(0, 3)], 4);
    expect([...rotated(Float32Array.of(1, 2, 3, 4, 5), 4)]).toEqual([...first, last[3]]);
  });

  test('and back: the bits of the slow twin, at every length and block', () => {
    fc.assert(
      fc.property(shapes, ({ length, block, seed }) => {
        const values = normal(length, seed);
        const turned = rotated(values, block, seedOf(seed));
        expect([...turned]).toEqual(rotateTwin([...values], block, seedOf(seed)));
        const back = Float64Array.from(turned);
        rotateBack(back, block, seedOf(seed));
        expect([...back]).toEqual(rotateBackTwin([...turned], block, seedOf(seed)));
      }),
    );
  });

  test('keeps the norm, is undone by its inverse, and turns a sum as it turns the summands', () => {
    fc.assert(
      fc.property(shapes, ({ length, block, seed }) => {
        const [x, y] = [normal(length, seed), normal(length, seed + 256)];
        const [turnedX, turnedY] = [rotated(x, block), rotated(y, block)];
        expect(l2Norm(turnedX)).toBeCloseTo(l2Norm(x), 4);
        const sum = Float64Array.from(turnedX, (value, i) => value + (turnedY[i] as number));
        rotateBack(sum, block, seedOf(1));
        sum.forEach((value, i) => {
          expect(value).toBeCloseTo((x[i] as number) + (y[i] as number), 4);
        });
      }),
    );
  });

  test('a spike anywhere becomes flat, in a length that no block divides too', () => {
    for (const length of [4096, 4097, 10_000])
      for (const place of [0, 1000, length - 2, length - 1]) {
        const spike = new Float32Array(length);
        spike[place] = 1;
        // In one block each coordinate is 1/64. Where two overlap, one of them is turned once more.
        expect(largest(rotated(spike, 4096))).toBeLessThan(length === 4096 ? 0.0157 : 0.12);
      }
  });

  test('no coordinate of what does not depend on the signs exceeds the bound of Hoeffding', () => {
    const length = 20_000;
    const bound = Math.sqrt((2 * Math.log(2 * length * 2 ** 20)) / 4096);
    const cases = [normal(length, 3), Float32Array.from({ length }, (_, i) => (i < 4096 ? 1 : 0))];
    for (const values of cases)
      for (let seed = 0; seed < 20; seed += 1) {
        const turned = rotated(values, 4096, seedOf(seed));
        expect(largest(turned)).toBeLessThan(bound * l2Norm(values));
      }
    // The control: what was made for these signs has all its length in one coordinate.
    const made = new Float64Array(4096);
    made[7] = 1;
    rotateBack(made, 4096, seedOf(1));
    expect(largest(rotated(Float32Array.from(made), 4096))).toBeCloseTo(1, 6);
  });

  test('depends on the seed, and on nothing else', () => {
    const values = normal(300, 4);
    expect(rotated(values, 256)).toEqual(rotated(values, 256));
    expect(rotated(values, 256, seedOf(2))).not.toEqual(rotated(values, 256));
    expect(rotated(values, 128)).not.toEqual(rotated(values, 256));
  });

  test('shows what is not finite in all of its block, so that the norm tells', () => {
    const values = normal(64, 5);
    expect(Number.isFinite(l2Norm(rotated(values, 64)))).toBe(true);
    for (const bad of [Number.NaN, Number.POSITIVE_INFINITY]) {
      values[3] = bad;
      expect(Number.isFinite(l2Norm(rotated(values, 64)))).toBe(false);
    }
  });
});

test('a block is never longer than the vector', () => {
  expect([1, 2, 3, 1023, 1024, 5000].map((length) => blockOf(1024, length))).toEqual([
    1, 2, 2, 512, 1024, 1024,
  ]);
});
