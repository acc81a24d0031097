import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { isProblem } from '../../../protocol/problem.ts';
import { RandomNumbers, type RandomSource, seededRandom } from '../../../protocol/random.ts';
import { layoutOf } from '../../../protocol/ring/payload.ts';
import { roundedNormSquared } from '../../../protocol/ring/quantize.ts';
import { rotate, rotateBack } from '../../../protocol/ring/rotation.ts';
import { checkUpdateTail, encodeUpdate, tailBytes } from '../../../protocol/ring/update.ts';
import { largestOf, levelsOf, planCodec } from '../../../protocol/ring/width.ts';
import type { Codec } from '../../../schemas/codec.ts';
import { readTwin } from './update-twin.ts';

const seeded = (byte: number) => seededRandom(new Uint8Array(32).fill(byte));
const roundDown: RandomSource = { fill: (target) => target.fill(0) };

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
          const { coordinates, squaredNorm, ...secondBlock } = readTwin(payload, plan, length);
          coordinates.forEach((value, i) => {
            const wanted = (delta[i] as number) * factor;
            // A float64 of this size is itself rounded: 1e-12 of C beside the grid.
            expect(Math.abs(value * plan.grid - wanted)).toBeLessThan(plan.grid + 3e-12);
          });
          expect(secondBlock).toEqual({ weight, counters: [] });
          expect(squaredNorm).toBeLessThanOrEqual(roundedNormSquared(levelsOf(plan, weight), length));
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

describe('with a rotation', () => {
  const rotationSeed = new Uint8Array(32).fill(9);
  const length = 3000;
  const plan = { clipNorm: 3, cohortMax: 20, weightMax: 50, counters: 0, width: 24, rotated: length };
  const turned = planCodec(plan);
  const { rotation, ...plain } = turned;

  test('what is encoded is the turned delta', () => {
    const numbers = new RandomNumbers(seeded(1));
    const delta = Float32Array.from({ length }, () => 0.01 * numbers.normal());
    const before = delta.slice();
    const encoded = encodeUpdate({ delta, weight: 20, counters: [], rotationSeed }, turned, seeded(2));
    expect(delta).toEqual(before);
    rotate(delta, rotation?.block ?? 0, rotationSeed);
    expect(encoded).toEqual(encodeUpdate({ delta, weight: 20, counters: [] }, plain, seeded(2)));
    const other = { delta: before, weight: 20, counters: [], rotationSeed: new Uint8Array(32) };
    expect(encodeUpdate(other, turned, seeded(2))).not.toEqual(encoded);
  });

  test('an update that the rotation serves badly is scaled down as a whole, and exceeds no bound', () => {
    // Turned forth, all of it but a hundredth is in one coordinate.
    const wanted = Float64Array.from({ length }, (_, i) => (i === 77 ? 3 : 0.0005));
    rotateBack(wanted, rotation?.block ?? 0, rotationSeed);
    for (const weight of [1, 7, 50]) {
      const contribution = { delta: Float32Array.from(wanted), weight, counters: [], rotationSeed };
      const { coordinates, squaredNorm } = readTwin(
        encodeUpdate(contribution, turned, { fill: (target) => target.fill(0xff) }),
        turned,
        length,
      );
      const peak = coordinates[77] ?? 0;
      expect(peak).toBeLessThanOrEqual(largestOf(turned, weight));
      expect(peak).toBeGreaterThanOrEqual(largestOf(turned, weight) - 2);
      for (const i of [0, 500, length - 1])
        expect(Math.abs((coordinates[i] ?? 0) - (peak * 0.0005) / 3)).toBeLessThanOrEqual(1);
      expect(squaredNorm).toBeLessThanOrEqual(roundedNormSquared(levelsOf(turned, weight), length));
    }
  });

  test('without a seed it is a defect; a delta that is not finite is refused as ever', () => {
    const encode = (value: number, seed?: Uint8Array) => () => {
      const delta = new Float32Array(length).fill(value, 5, 6);
      const contribution = { delta, weight: 1, counters: [], ...(seed && { rotationSeed: seed }) };
      return encodeUpdate(contribution, turned, roundDown);
    };
    expect(encode(1, rotationSeed)).not.toThrow();
    expect(encode(1)).toThrow(TypeError);
    for (const value of [Number.NaN, Number.NEGATIVE_INFINITY])
      expect(encode(value, rotationSeed)).toThrow(expect.objectContaining({ code: 'trainingDiverged' }));
  });
});

describe('checkUpdateTail', () => {
  const layout = layoutOf(codec, 3);
  const payload = encodeUpdate(
    { delta: Float32Array.of(1, 2, 3), weight: 2, counters: [4] },
    codec,
    roundDown,
  );

  test('reads weight and counters, or refuses them and trailing bits, whichever bit is wrong', () => {
    expect(tailBytes(layout)).toBe(12);
    expect(checkUpdateTail(payload.subarray(-12), codec, layout)).toEqual({ weight: 2, counters: [4] });
    const verdicts = new Set<string | undefined>();
    for (let bit = 0; bit < 8 * payload.length; bit += 1) {
      const bytes = payload.slice();
      bytes[bit >> 3] = (bytes[bit >> 3] ?? 0) ^ (1 << (bit & 7));
      const { weight, counters } = readTwin(bytes, codec, 3);
      const isInRange = (value: number, least: number) => value >= least && value <= codec.weightMax;
      // Any coordinate is permitted; the rest of its last word must be zero.
      let expected = bit >= 48 && bit < 64 ? 'trailing bits' : undefined;
      if (!isInRange(weight, 1)) expected = 'weight';
      if (!isInRange(counters[0] ?? 0, 0)) expected = 'counter';
      expect(field(() => checkUpdateTail(bytes.subarray(-12), codec, layout))).toBe(expected);
      verdicts.add(expected);
    }
    expect(verdicts).toEqual(new Set([undefined, 'trailing bits', 'weight', 'counter']));
  });

  test('says nothing of a counter that is a bit under noise, and everything of the rest', () => {
    const adaptive = { quantile: 0.5, rate: 0.2, bitScale: 7 };
    const tail = payload.slice(-12);
    tail.set([0xff, 0xff, 0xff, 0xff], 8);
    expect(field(() => checkUpdateTail(tail, codec, layout))).toBe('counter');
    const read = checkUpdateTail(tail, { ...codec, adaptive }, layout);
    expect(read).toEqual({ weight: 2, counters: [0xffff_ffff] });
    tail.fill(0, 4, 8);
    expect(field(() => checkUpdateTail(tail, { ...codec, adaptive }, layout))).toBe('weight');
  });

  test('refuses a tail of another size', () => {
    const check = (size: number) => () => checkUpdateTail(payload.subarray(-size), codec, layout);
    expect(check(12)).not.toThrow();
    for (const size of [8, 11, 13, 16])
      expect(check(size)).toThrow(expect.objectContaining({ code: 'invalidLength' }));
  });
});
