import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { isProblem } from '../../../protocol/problem.ts';
import { RandomNumbers, type RandomSource, seededRandom } from '../../../protocol/random.ts';
import { pack, unpack } from '../../../protocol/ring/bit-pack.ts';
import { layoutOf } from '../../../protocol/ring/payload.ts';
import {
  checkClipped,
  checkUpdate,
  checkUpdateTail,
  encodeUpdate,
  tailBytes,
} from '../../../protocol/ring/update.ts';
import { planCodec } from '../../../protocol/ring/width.ts';
import { wordsOf } from '../../../protocol/vector.ts';
import type { Codec } from '../../../schemas/codec.ts';

const seeded = (byte: number) => seededRandom(new Uint8Array(32).fill(byte));
const roundDown: RandomSource = { fill: (target) => target.fill(0) };

function coordinates(payload: Uint8Array, codec: Codec, length: number): Int32Array {
  const values = new Int32Array(length);
  unpack(wordsOf(payload.subarray(0, layoutOf(codec, length).coordinateBytes)), codec.width, values);
  return values;
}

function field(run: () => unknown): string | undefined {
  try {
    run();
    return undefined;
  } catch (error) {
    if (isProblem(error, 'updateMalformed')) return error.detail.field;
    throw error;
  }
}

const codec: Codec = { version: 1, clipNorm: 5, width: 16, grid: 0.5, weightMax: 4, counters: 1 };

describe('encodeUpdate', () => {
  test('by hand: clip, weight, grid, bytes', () => {
    const encode = (delta: number[], weight: number) => [
      ...encodeUpdate({ delta: Float32Array.from(delta), weight, counters: [3] }, codec, roundDown),
    ];
    // |(3, -4)| = 5 is not clipped (the margin clips only what exceeds 5): 6 and -8 grid units.
    const tail = (weight: number) => [weight, 0, 0, 0, 3, 0, 0, 0];
    expect(encode([2.9, -3.9], 4)).toEqual([5, 0, 0xf8, 0xff, ...tail(4)]);
    // Half the weight: half the grid units, 2.9 and -3.9.
    expect(encode([2.9, -3.9], 2)).toEqual([2, 0, 0xfc, 0xff, ...tail(2)]);
    // Clipped from 50 to 5: a hair less than 6 and -8.
    expect(encode([30, -40], 4)).toEqual([5, 0, 0xf8, 0xff, ...tail(4)]);
  });

  test('is within a grid unit of the clipped, weighted delta', () => {
    const numbers = new RandomNumbers(seeded(1));
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 100 }),
        fc.integer({ min: 16, max: 32 }),
        fc.integer({ min: 1, max: 50 }),
        fc.double({ min: 0.01, max: 100, noNaN: true }),
        (length, width, weight, size) => {
          const plan = planCodec({ clipNorm: 3, cohortMax: 20, weightMax: 50, counters: 0, width });
          const delta = Float32Array.from({ length }, () => size * numbers.normal());
          const payload = encodeUpdate({ delta, weight, counters: [] }, plan, seeded(length));
          const factor = (Math.min(1, 3 / Math.hypot(...delta)) * weight) / 50;
          coordinates(payload, plan, length).forEach((value, i) => {
            const wanted = (delta[i] as number) * factor;
            // A float64 of this size is itself rounded: 1e-12 of C beside the grid.
            expect(Math.abs(value * plan.grid - wanted)).toBeLessThan(plan.grid + 3e-12);
          });
          expect(checkUpdate(payload, plan, length)).toEqual({ weight, counters: [] });
          expect(field(() => checkClipped(payload, plan, length))).toBeUndefined();
        },
      ),
      { numRuns: 200 },
    );
  });

  test('does not touch the delta, and depends on nothing but its arguments', () => {
    const delta = new Float32Array(30).fill(0.7);
    const before = delta.slice();
    const contribution = { delta, weight: 1, counters: [0] };
    const first = encodeUpdate(contribution, codec, seeded(2));
    expect(encodeUpdate(contribution, codec, seeded(2))).toEqual(first);
    expect(encodeUpdate(contribution, codec, seeded(3))).not.toEqual(first);
    expect(delta).toEqual(before);
  });

  test('refuses a delta that is not finite, and numbers out of range', () => {
    const encode = (delta: number[], weight: number, counters: number[]) => () =>
      encodeUpdate({ delta: Float32Array.from(delta), weight, counters }, codec, roundDown);
    expect(field(encode([1], 4, [4]))).toBeUndefined();
    expect(encode([1, Number.NaN], 4, [4])).toThrow(expect.objectContaining({ code: 'trainingDiverged' }));
    expect(field(encode([1], 0, [4]))).toBe('weight');
    expect(field(encode([1], 5, [4]))).toBe('weight');
    expect(field(encode([1], 1.5, [4]))).toBe('weight');
    expect(field(encode([1], 4, [5]))).toBe('counter');
    expect(field(encode([1], 4, [-1]))).toBe('counter');
    expect(field(encode([1], 4, []))).toBe('counters');
  });
});

describe('checkUpdate', () => {
  const payload = encodeUpdate(
    { delta: Float32Array.of(1, 2, 3), weight: 2, counters: [4] },
    codec,
    roundDown,
  );
  const changed = (at: number, value: number) => {
    const bytes = payload.slice();
    bytes[at] = value;
    return bytes;
  };

  test('refuses sizes, trailing bits, weights and counters out of range', () => {
    expect(checkUpdate(payload, codec, 3)).toEqual({ weight: 2, counters: [4] });
    expect(() => checkUpdate(payload, codec, 5)).toThrow(expect.objectContaining({ code: 'invalidLength' }));
    expect(() => checkUpdate(payload, { ...codec, counters: 0 }, 3)).toThrow(
      expect.objectContaining({ code: 'invalidLength' }),
    );
    expect(field(() => checkUpdate(changed(6, 1), codec, 3))).toBe('trailing bits');
    expect(field(() => checkUpdate(changed(8, 0), codec, 3))).toBe('weight');
    expect(field(() => checkUpdate(changed(8, 5), codec, 3))).toBe('weight');
    expect(field(() => checkUpdate(changed(11, 1), codec, 3))).toBe('weight');
    expect(field(() => checkUpdate(changed(12, 5), codec, 3))).toBe('counter');
  });
});

describe('checkUpdateTail', () => {
  test('refuses at the end of a payload what checkUpdate refuses in the whole', () => {
    const payload = encodeUpdate(
      { delta: Float32Array.of(1, 2, 3), weight: 2, counters: [4] },
      codec,
      roundDown,
    );
    const layout = layoutOf(codec, 3);
    expect(tailBytes(layout)).toBe(12);
    for (let bit = 0; bit < 8 * payload.length; bit += 1) {
      const bytes = payload.slice();
      bytes[bit >> 3] = (bytes[bit >> 3] ?? 0) ^ (1 << (bit & 7));
      const whole = field(() => checkUpdate(bytes, codec, 3));
      expect(field(() => checkUpdateTail(bytes.subarray(-12), codec, layout))).toBe(whole);
      // Any coordinate is permitted; the rest of its last word must be zero.
      if (bit < 48) expect(whole).toBeUndefined();
      else if (bit < 64) expect(whole).toBe('trailing bits');
    }
    expect(() => checkUpdateTail(payload.subarray(-11), codec, layout)).toThrow(
      expect.objectContaining({ code: 'invalidLength' }),
    );
  });
});

describe('checkClipped', () => {
  test('refuses an update longer than its weight permits', () => {
    const forge = (values: number[], weight: number) => {
      const words = new Uint32Array(layoutOf(codec, values.length).payloadBytes / 4);
      pack(Int32Array.from(values), codec.width, words);
      words.set([weight, 0], words.length - 2);
      return new Uint8Array(words.buffer);
    };
    // L = 10 for the full weight and 2.5 for a quarter; D^2 = min(121, 100 + 0.25 + 10 + 0.5) and 9.5 for d = 1.
    expect(field(() => checkClipped(forge([10], 4), codec, 1))).toBeUndefined();
    expect(field(() => checkClipped(forge([11], 4), codec, 1))).toBe('squared norm');
    expect(field(() => checkClipped(forge([3], 1), codec, 1))).toBeUndefined();
    expect(field(() => checkClipped(forge([4], 1), codec, 1))).toBe('squared norm');
    expect(field(() => checkClipped(forge([-4], 1), codec, 1))).toBe('squared norm');
    // For d = 4 the bound is 100 + 1 + 10 + 1 = 112.
    expect(field(() => checkClipped(forge([10, -2, 2, 2], 4), codec, 4))).toBeUndefined();
    expect(field(() => checkClipped(forge([8, 7, 0, 0], 4), codec, 4))).toBe('squared norm');
  });
});
