import fc from 'fast-check';
import { expect, test } from 'vitest';
import { isProblem } from '../../../protocol/problem.ts';
import { seededRandom } from '../../../protocol/random.ts';
import { pack } from '../../../protocol/ring/bit-pack.ts';
import { ClipCheck } from '../../../protocol/ring/clip-check.ts';
import { layoutOf } from '../../../protocol/ring/payload.ts';
import { roundedNormSquared } from '../../../protocol/ring/quantize.ts';
import { encodeUpdate } from '../../../protocol/ring/update.ts';
import { levelsOf, planCodec } from '../../../protocol/ring/width.ts';
import type { Codec } from '../../../schemas/codec.ts';
import { readTwin } from './update-twin.ts';

/** The refusal, or undefined. */
function refusal(check: () => void): string | undefined {
  try {
    check();
    return undefined;
  } catch (error) {
    if (!isProblem(error, 'updateMalformed')) throw error;
    return error.message;
  }
}

function streamed(payload: Uint8Array, codec: Codec, length: number, weight: number, size: number): void {
  const check = new ClipCheck(codec, length);
  for (let from = 0; from < payload.length; from += size) check.add(payload.subarray(from, from + size));
  check.finish(weight);
}

/** A payload with these coordinates, whatever their norm. */
function forged(coordinates: Int32Array, weight: number, codec: Codec): Uint8Array {
  const layout = layoutOf(codec, coordinates.length);
  const words = new Uint32Array(layout.payloadBytes / 4);
  pack(coordinates, codec.width, words);
  words[layout.coordinateBytes / 4] = weight;
  return new Uint8Array(words.buffer);
}

const width = fc.oneof(fc.constantFrom(16, 24, 32), fc.integer({ min: 16, max: 32 }));

test('refuses an update longer than its weight permits: by hand', () => {
  const codec: Codec = { version: 1, clipNorm: 5, width: 16, grid: 0.5, weightMax: 4, counters: 0 };
  const verdict = (values: number[], weight: number) =>
    refusal(() => streamed(forged(Int32Array.from(values), weight, codec), codec, values.length, weight, 3));
  // L = 10 for the full weight and 2.5 for a quarter; D^2 = min(121, 100 + 0.25 + 10 + 0.5) and 9.5 for d = 1.
  expect(verdict([10], 4)).toBeUndefined();
  expect(verdict([11], 4)).toContain('squared norm');
  expect(verdict([3], 1)).toBeUndefined();
  expect(verdict([4], 1)).toContain('squared norm');
  expect(verdict([-4], 1)).toContain('squared norm');
  // For d = 4 the bound is 100 + 1 + 10 + 1 = 112.
  expect(verdict([10, -2, 2, 2], 4)).toBeUndefined();
  expect(verdict([8, 7, 0, 0], 4)).toContain('squared norm');
});

test('refuses a turned coordinate beyond its bound, though the norm would do: by hand, at several widths', () => {
  for (const width of [16, 20, 24, 32]) {
    const codec: Codec = { version: 1, clipNorm: 5, width, grid: 0.5, weightMax: 4, counters: 0 };
    const turned: Codec = { ...codec, rotation: { block: 4, bound: 2 } };
    const verdict = (values: number[], weight: number, by = turned, length = 5000) => {
      const coordinates = new Int32Array(length);
      coordinates.set(values, length - values.length);
      return refusal(() => streamed(forged(coordinates, weight, by), by, length, weight, 999));
    };
    // P = 4 for the full weight and 1 for a quarter.
    expect(verdict([5, -5], 4)).toBeUndefined();
    expect(verdict([6], 4)).toContain('largest coordinate; expected at most 5; got 6');
    expect(verdict([-6, 0, 0], 4)).toContain('largest coordinate');
    expect(verdict([2], 1)).toBeUndefined();
    expect(verdict([3], 1)).toContain('largest coordinate');
    expect(verdict([6], 4, codec)).toBeUndefined(); // the control: without a rotation only the norm counts
    expect(verdict(new Array(55).fill(5), 4)).toBeUndefined();
    expect(verdict(new Array(56).fill(5), 4)).toContain('squared norm');
  }
});

test('decides as its slow twin does from the whole payload, however it is cut', () => {
  const cases = fc.record({
    width,
    weight: fc.integer({ min: 1, max: 4 }),
    length: fc.constantFrom(1, 31, 32, 33, 4095, 4096, 4097, 9000),
    /** Norm of the forged update, as a share of the permitted one. */
    share: fc.double({ min: 0.2, max: 1.8, noNaN: true }),
    size: fc.integer({ min: 1, max: 20_000 }),
  });
  const decisions = new Set<boolean>();
  fc.assert(
    fc.property(cases, ({ width, weight, length, share, size }) => {
      const codec = planCodec({ clipNorm: 1, cohortMax: 4, weightMax: 4, counters: 0, width });
      const levels = (codec.clipNorm / codec.grid) * (weight / codec.weightMax);
      const coordinate = Math.round((share * levels) / Math.sqrt(length));
      const coordinates = Int32Array.from({ length }, (_, i) => (i % 2 === 0 ? coordinate : -coordinate));
      const payload = forged(coordinates, weight, codec);
      const { squaredNorm } = readTwin(payload, codec, length);
      const isPermitted = squaredNorm <= roundedNormSquared(levelsOf(codec, weight), length);
      const refused = refusal(() => streamed(payload, codec, length, weight, size));
      if (isPermitted) expect(refused).toBeUndefined();
      else expect(refused).toContain(`got ${squaredNorm}`);
      decisions.add(isPermitted);
    }),
  );
  expect(decisions.size).toBe(2);
});

test('what was clipped and rounded passes at every width; one grid unit too many in all of it does not', () => {
  fc.assert(
    fc.property(width, fc.nat(), (width, seed) => {
      const length = 5000;
      const codec = planCodec({ clipNorm: 1, cohortMax: 2, weightMax: 1, counters: 0, width });
      const delta = Float32Array.from({ length }, (_, i) => Math.sin(seed + i));
      const random = seededRandom(new Uint8Array(32).fill(seed));
      const payload = encodeUpdate({ delta, weight: 1, counters: [] }, codec, random);
      expect(refusal(() => streamed(payload, codec, length, 1, 777))).toBeUndefined();
      const tooLong = new Int32Array(length).fill(
        Math.ceil(codec.clipNorm / codec.grid / Math.sqrt(length)) + 2,
      );
      expect(refusal(() => streamed(forged(tooLong, 1, codec), codec, length, 1, 777))).toContain(
        'squared norm',
      );
    }),
    { numRuns: 20 },
  );
});
