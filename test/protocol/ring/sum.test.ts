import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { RandomNumbers, seededRandom } from '../../../protocol/random.ts';
import { pack } from '../../../protocol/ring/bit-pack.ts';
import { layoutOf } from '../../../protocol/ring/payload.ts';
import { rotateBack } from '../../../protocol/ring/rotation.ts';
import { openIntegers, openPacked, RingSum } from '../../../protocol/ring/sum.ts';
import { encodeUpdate } from '../../../protocol/ring/update.ts';
import { planCodec } from '../../../protocol/ring/width.ts';
import type { Codec } from '../../../schemas/codec.ts';

interface Update {
  readonly values: readonly number[];
  readonly secondBlock: readonly number[];
}

function payloadOf(update: Update, codec: Codec): Uint8Array {
  const words = new Uint32Array(layoutOf(codec, update.values.length).payloadBytes / 4);
  pack(Int32Array.from(update.values), codec.width, words);
  words.set(update.secondBlock, words.length - update.secondBlock.length);
  return new Uint8Array(words.buffer);
}

/** The slow twin: big integers, reduced modulo 2^b at the end. */
function expectedMean(updates: readonly Update[], codec: Codec): number[] {
  const totalWeight = updates.reduce((sum, { secondBlock }) => sum + (secondBlock[0] ?? 0), 0);
  const length = updates[0]?.values.length ?? 0;
  return Array.from({ length }, (_, i) => {
    const sum = updates.reduce((total, { values }) => total + BigInt(values[i] ?? 0), 0n);
    return Number(BigInt.asIntN(codec.width, sum)) * ((codec.grid * codec.weightMax) / totalWeight);
  });
}

const codecOf = (width: number): Codec => ({
  version: 1,
  clipNorm: 1,
  width,
  grid: 0.1,
  weightMax: 50,
  counters: 2,
});

/** A width, updates of one length with arbitrary (even masked) coordinates, and an order in which they arrive. */
const rounds = fc
  .record({
    width: fc.integer({ min: 16, max: 32 }),
    length: fc.integer({ min: 1, max: 150 }),
    count: fc.integer({ min: 1, max: 8 }),
    seed: fc.integer({ min: 0, max: 255 }),
  })
  .map(({ width, length, count, seed }) => {
    const numbers = new RandomNumbers(seededRandom(new Uint8Array(32).fill(seed)));
    const updates: Update[] = Array.from({ length: count }, () => ({
      values: Array.from({ length }, () => numbers.uint32() | 0),
      secondBlock: [1 + numbers.below(50), numbers.below(51), numbers.below(51)],
    }));
    return { codec: codecOf(width), length, updates, numbers };
  });

const small = codecOf(24);
const one: Update = { values: [1, -2, 3], secondBlock: [10, 0, 7] };
const invalid = expect.objectContaining({ code: 'aggregateInvalid' });

describe('RingSum', () => {
  test('by hand: the weighted mean and the counters', () => {
    const sum = new RingSum(small, 3);
    sum.add(payloadOf(one, small));
    sum.add(payloadOf({ values: [-1, -2, 100], secondBlock: [40, 50, 1] }, small));
    // Sums 0, -4, 103; g * weightMax / totalWeight = 0.1 * 50 / 50.
    expect(sum.open()).toEqual({
      mean: Float64Array.of(0, -0.4, 10.3),
      totalWeight: 50,
      counters: [50, 8],
      count: 2,
    });
  });

  test('is the integer sum modulo 2^b, in any order', () => {
    fc.assert(
      fc.property(rounds, ({ codec, length, updates, numbers }) => {
        const sum = new RingSum(codec, length);
        for (const update of numbers.shuffle(updates.slice())) sum.add(payloadOf(update, codec));
        const opened = sum.open();
        expect([...opened.mean]).toEqual(expectedMean(updates, codec));
        expect(opened.count).toBe(updates.length);
        expect(opened.counters).toEqual(
          [1, 2].map((k) => updates.reduce((total, { secondBlock }) => total + (secondBlock[k] ?? 0), 0)),
        );
      }),
    );
  });

  test('is the same from chunks and partial sums, however cut and mixed', () => {
    fc.assert(
      fc.property(rounds, ({ codec, length, updates, numbers }) => {
        const parts = [new RingSum(codec, length), new RingSum(codec, length), new RingSum(codec, length)];
        const chunks = updates.flatMap((update) => {
          const payload = payloadOf(update, codec);
          const cut: { bytes: Uint8Array; offset: number }[] = [];
          for (let offset = 0; offset < payload.length; ) {
            const end = offset + (1 + numbers.below(3)) * (parts[0]?.strideBytes ?? 0);
            cut.push({ bytes: payload.slice(offset, end), offset });
            offset = end;
          }
          return cut;
        });
        for (const { bytes, offset } of numbers.shuffle(chunks))
          parts[numbers.below(3)]?.addChunk(bytes, offset);
        const sum = new RingSum(codec, length);
        for (const part of numbers.shuffle(parts)) sum.merge(part);
        expect([...sum.open().mean]).toEqual(expectedMean(updates, codec));
      }),
    );
  });

  test.each([16, 20, 24, 32])('is exact for long vectors of %i bits, whole or in chunks', (width) => {
    const codec = codecOf(width);
    const length = 40_007;
    const numbers = new RandomNumbers(seededRandom(new Uint8Array(32).fill(width)));
    const updates: Update[] = Array.from({ length: 3 }, () => ({
      values: Array.from({ length }, () => numbers.uint32() | 0),
      secondBlock: [1, 0, 0],
    }));
    const whole = new RingSum(codec, length);
    const cut = new RingSum(codec, length);
    for (const update of updates) {
      const payload = payloadOf(update, codec);
      whole.add(payload);
      const middle = 700 * cut.strideBytes;
      cut.addChunk(payload.subarray(middle), middle);
      cut.addChunk(payload.subarray(0, middle), 0);
    }
    const expected = expectedMean(updates, codec);
    for (const sum of [whole, cut]) {
      const { mean } = sum.open();
      expect(mean.findIndex((value, i) => value !== expected[i])).toBe(-1);
    }
  });

  test('reads payloads at any alignment', () => {
    const payload = payloadOf(one, small);
    const shifted = new Uint8Array(payload.length + 3).subarray(3);
    shifted.set(payload);
    const [aligned, unaligned] = [payload, shifted].map((bytes) => {
      const sum = new RingSum(small, 3);
      sum.add(bytes);
      return sum.open();
    });
    expect(unaligned).toEqual(aligned);
  });

  test('opens the weighted mean of what participants encoded, within the grid', () => {
    const numbers = new RandomNumbers(seededRandom(new Uint8Array(32)));
    const codec = planCodec({ clipNorm: 10, cohortMax: 20, weightMax: 600, counters: 0 });
    const length = 500;
    const sum = new RingSum(codec, length);
    const exact = new Float64Array(length);
    let totalWeight = 0;
    for (let n = 0; n < 20; n += 1) {
      const delta = Float32Array.from({ length }, () => 0.1 * numbers.normal());
      const weight = 1 + numbers.below(600);
      sum.add(encodeUpdate({ delta, weight, counters: [] }, codec, seededRandom(new Uint8Array(32).fill(n))));
      delta.forEach((value, i) => {
        exact[i] = (exact[i] as number) + weight * value;
      });
      totalWeight += weight;
    }
    const opened = sum.open();
    expect(opened.totalWeight).toBe(totalWeight);
    const tolerance = (20 * codec.grid * codec.weightMax) / totalWeight;
    opened.mean.forEach((value, i) => {
      expect(Math.abs(value - (exact[i] as number) / totalWeight)).toBeLessThan(tolerance);
    });
  });

  test('can be opened again, and added to after', () => {
    const sum = new RingSum(small, 3);
    sum.add(payloadOf(one, small));
    const first = sum.open();
    expect(sum.open()).toEqual(first);
    sum.add(payloadOf(one, small));
    expect(sum.open()).toEqual({ ...first, totalWeight: 20, counters: [0, 14], count: 2 });
  });

  test('does not open nothing, part of an update, or a weight that cannot be', () => {
    const withWeights = (weights: number[], counter = 0) => {
      const sum = new RingSum(small, 3);
      for (const weight of weights)
        sum.add(payloadOf({ values: [1, 2, 3], secondBlock: [weight, counter, 0] }, small));
      return () => sum.open();
    };
    expect(withWeights([50], 50)).not.toThrow();
    expect(withWeights([1, 1])).not.toThrow();
    expect(() => new RingSum(small, 3).open()).toThrow(invalid);
    expect(withWeights([0])).toThrow(invalid);
    expect(withWeights([1, 0])).toThrow(invalid);
    expect(withWeights([51])).toThrow(invalid);
    expect(withWeights([50], 51)).toThrow(invalid);
    const long = new RingSum(small, 64);
    const payload = payloadOf({ values: new Array(64).fill(1), secondBlock: [1, 0, 0] }, small);
    long.addChunk(payload.subarray(0, long.strideBytes), 0);
    expect(long.count).toBe(0);
    expect(() => long.open()).toThrow(invalid);
    long.addChunk(payload.subarray(long.strideBytes), long.strideBytes);
    expect(long.count).toBe(1);
    expect(() => long.open()).not.toThrow();
  });

  test('does not open a sum that may have wrapped', () => {
    const codec: Codec = { ...small, width: 16, grid: 1 / 16_382 };
    const sum = new RingSum(codec, 3);
    sum.add(payloadOf(one, codec));
    expect(() => sum.open()).not.toThrow();
    sum.add(payloadOf(one, codec));
    expect(() => sum.open()).not.toThrow();
    sum.add(payloadOf(one, codec));
    expect(() => sum.open()).toThrow(expect.objectContaining({ code: 'ringOverflow' }));
  });

  test('refuses other sizes, crooked chunks and foreign partial sums', () => {
    const short = expect.objectContaining({ code: 'invalidLength' });
    const payload = payloadOf({ values: new Array(64).fill(1), secondBlock: [1, 0, 0] }, small);
    const sum = new RingSum(small, 64);
    expect(sum.strideBytes).toBe(96);
    expect(() => sum.add(payload)).not.toThrow();
    expect(() => sum.add(payload.subarray(1))).toThrow(short);
    expect(() => sum.addChunk(payload.subarray(0, 96), 0)).not.toThrow();
    expect(() => sum.addChunk(payload.subarray(0, 95), 0)).toThrow(short);
    expect(() => sum.addChunk(payload.subarray(96, -4), 96)).toThrow(short);
    expect(() => sum.addChunk(payload.subarray(0, 96), 12)).toThrow(short);
    expect(() => sum.addChunk(payload.subarray(0, 96), 192)).toThrow(short);
    expect(() => sum.merge(new RingSum(small, 64))).not.toThrow();
    expect(() => sum.merge(new RingSum(small, 63))).toThrow(invalid);
    expect(() => sum.merge(new RingSum({ ...small, grid: 0.2 }, 64))).toThrow(invalid);
  });
});

test('a cleared sum is as good as a new one, by the kernel and without it', () => {
  for (const length of [40, 40_000]) {
    const codec = codecOf(24);
    const update = (value: number) =>
      payloadOf({ values: new Array(length).fill(value), secondBlock: [7, 1, 2] }, codec);
    const [used, fresh] = [new RingSum(codec, length), new RingSum(codec, length)];
    used.add(update(5));
    used.addChunk(update(3).subarray(0, used.strideBytes), 0);
    used.clear();
    for (const sum of [used, fresh]) sum.add(update(-2));
    expect(used.open()).toEqual(fresh.open());
    expect(used.open().mean[0]).toBeLessThan(0);
  }
});

describe('a mean that is opened in parts', () => {
  test.each([16, 20, 24, 32])('has the bits of one that is opened whole, of %i bits', (width) => {
    const codec = codecOf(width);
    const numbers = new RandomNumbers(seededRandom(new Uint8Array(32).fill(width)));
    const coordinates = Int32Array.from({ length: 1000 }, () => numbers.below(2 ** 15) - 2 ** 14);
    const secondBlock = Uint32Array.of(40, 50, 1);
    const words = new Uint32Array(Math.ceil((coordinates.length * width) / 32));
    pack(coordinates, width, words);
    const { mean } = openIntegers({ coordinates, secondBlock }, codec, 2);
    const opened = openPacked({ words, secondBlock }, coordinates.length, codec, 2);
    expect(opened.length).toBe(1000);
    for (const [start, end] of [
      [0, 32],
      [32, 480],
      [480, 1000],
      [64, 65],
    ] as const)
      expect(opened.subarray(start, end)).toEqual(mean.subarray(start, end));
    expect(() => openPacked({ words, secondBlock: Uint32Array.of(1, 0, 0) }, 1000, codec, 2)).toThrow(
      invalid,
    );
  });

  test('is turned back', () => {
    const turned: Codec = { ...small, rotation: { block: 2, bound: 1 } };
    const [coordinates, secondBlock] = [Int32Array.of(1, -2, 3), Uint32Array.of(10, 0, 7)];
    const words = new Uint32Array(3);
    pack(coordinates, small.width, words);
    const seed = new Uint8Array(32).fill(3);
    const { mean } = openIntegers({ coordinates, secondBlock }, turned, 1, seed);
    expect(openPacked({ words, secondBlock }, 3, turned, 1, seed).subarray(0, 3)).toEqual(mean);
    expect(() => openPacked({ words, secondBlock }, 3, turned, 1)).toThrow(TypeError);
  });
});

describe('with a rotation', () => {
  const rotationSeed = new Uint8Array(32).fill(3);

  test('the mean is turned back, to the bit; without a seed it is a defect', () => {
    const turned: Codec = { ...small, rotation: { block: 2, bound: 1 } };
    const [plain, sum] = [new RingSum(small, 3), new RingSum(turned, 3)];
    for (const each of [plain, sum]) each.add(payloadOf(one, small));
    const expected = plain.open();
    rotateBack(expected.mean, 2, rotationSeed);
    expect(sum.open(rotationSeed)).toEqual(expected);
    expect(sum.open(rotationSeed)).toEqual(expected);
    expect(() => sum.open()).toThrow(TypeError);
    expect(() => plain.open()).not.toThrow();
  });

  test('partial sums of another rotation are those of another round', () => {
    const of = (block: number, bound: number) => new RingSum({ ...small, rotation: { block, bound } }, 64);
    expect(() => of(2, 1).merge(of(2, 1))).not.toThrow();
    for (const other of [of(4, 1), of(2, 0.5), new RingSum(small, 64)])
      expect(() => of(2, 1).merge(other)).toThrow(invalid);
  });

  /** L2 distance of the opened mean of `count` equal updates from their delta. */
  function error(delta: Float32Array, count: number, cohortMax: number, rotated?: number): number {
    const plan = { clipNorm: 1, cohortMax, weightMax: 1, counters: 0, width: 16 };
    const codec = planCodec({ ...plan, ...(rotated !== undefined && { rotated }) });
    const sum = new RingSum(codec, delta.length);
    for (let i = 0; i < count; i += 1)
      sum.add(
        encodeUpdate(
          { delta, weight: 1, counters: [], rotationSeed },
          codec,
          seededRandom(new Uint8Array(32).fill(i)),
        ),
      );
    const { mean } = sum.open(rotationSeed);
    return Math.hypot(...mean.map((value, i) => value - (delta[i] as number)));
  }

  test('on a coarse grid the mean of spiky updates is ten times nearer to them', () => {
    // Half of the square of the norm in eight coordinates, the rest everywhere: what the last layer makes of a model.
    const length = 20_000;
    const numbers = new RandomNumbers(seededRandom(new Uint8Array(32).fill(1)));
    const spiky = Float32Array.from(
      { length },
      () => 0.7 * Math.SQRT1_2 * (numbers.normal() / Math.sqrt(length)),
    );
    for (let i = 0; i < 8; i += 1) spiky[length - 8 + i] = 0.7 / 4;
    const plain = error(spiky, 8, 1000);
    expect(plain).toBeGreaterThan(0.1);
    expect(error(spiky, 8, 1000, length)).toBeLessThan(plain / 10);
  });
});
