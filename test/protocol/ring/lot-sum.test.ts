import fc from 'fast-check';
import { expect, test } from 'vitest';
import { lotSlack, sensitivityOf } from '../../../protocol/dp/job-privacy.ts';
import { type RandomSource, seededRandom } from '../../../protocol/random.ts';
import { roundLotSum } from '../../../protocol/ring/lot-sum.ts';

const seeded = (byte: number) => seededRandom(new Uint8Array(32).fill(byte));
const half: RandomSource = {
  fill(target) {
    for (let i = 0; i < target.length; i += 1) target[i] = i % 4 === 3 ? 0x80 : 0;
  },
};

function rounded(sum: Float64Array, grid: number, bound: number, random: RandomSource): Int32Array {
  const all = new Int32Array(sum.length);
  roundLotSum(sum, grid, bound, random, (block, start) => all.set(block, start));
  return all;
}

test('by hand: the floor of x/g and one half, cut to the bound', () => {
  const sum = Float64Array.of(0.2, 0.3, -0.2, -0.3, 100, -100);
  expect([...rounded(sum, 0.5, 9, half)]).toEqual([0, 1, 0, -1, 9, -9]);
});

test('is unbiased', () => {
  const got = rounded(new Float64Array(100_000).fill(2.3), 1, 100, seeded(1));
  const mean = got.reduce((a, b) => a + b, 0) / got.length;
  // Deviation sqrt(0.3 * 0.7 / 1e5) = 0.00145.
  expect(Math.abs(mean - 2.3)).toBeLessThan(0.008);
});

test('sums that differ by one clipped unit stay within the sensitivity, with the same randomness, cut or not', () => {
  const vector = (length: number) =>
    fc.array(fc.double({ min: -1, max: 1, noNaN: true }), { minLength: length, maxLength: length });
  fc.assert(
    fc.property(
      fc
        .integer({ min: 1, max: 60 })
        .chain((length) => fc.record({ base: vector(length), unit: vector(length) })),
      fc.integer({ min: 1, max: 200 }),
      fc.integer({ min: 0, max: 255 }),
      ({ base, unit }, bound, seed) => {
        const [clipNorm, grid] = [1, 0.05];
        const norm = Math.hypot(...unit);
        const clipped = unit.map((value) => value / Math.max(1, norm));
        const before = Float64Array.from(base, (value) => 8 * value);
        const after = before.map((value, i) => value + (clipped[i] as number));
        const [a, b] = [
          rounded(before, grid, bound, seeded(seed)),
          rounded(after, grid, bound, seeded(seed)),
        ];
        const distance = Math.hypot(...a.map((value, i) => value - (b[i] as number)));
        const always = clipNorm / grid + Math.sqrt(base.length);
        expect(distance).toBeLessThanOrEqual(always * (1 + 1e-9));
        const codec = { clipNorm, grid, weightMax: 1, lot: { rate: 0.5, bound } };
        const sensitivity = sensitivityOf({ codec, parameters: base.length, batchSize: 1 });
        expect(distance).toBeLessThanOrEqual(sensitivity);
        // Never above the form that always holds.
        expect(sensitivity).toBeLessThanOrEqual(always * (1 + lotSlack(1)));
      },
    ),
    { numRuns: 200 },
  );
});

test('what is not finite is refused', () => {
  expect([...rounded(Float64Array.of(1), 1, 5, half)]).toEqual([1]);
  expect(() => rounded(Float64Array.of(1, Number.NaN), 1, 5, half)).toThrow(
    expect.objectContaining({ code: 'trainingDiverged' }),
  );
});

test('an integer stays what it is, however large and whatever is drawn', () => {
  const most: RandomSource = { fill: (target) => target.fill(0xff) };
  const integers = [0, 1, -1, 2 ** 30 + 12_345, -(2 ** 30) - 12_345, 2 ** 31 - 1, 1 - 2 ** 31];
  expect([...rounded(Float64Array.from(integers), 1, 2 ** 31 - 1, most)]).toEqual(integers);
  expect([...rounded(Float64Array.of(0.5), 1, 9, most)]).toEqual([1]);
});
