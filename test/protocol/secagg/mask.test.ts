import fc from 'fast-check';
import { afterEach, expect, test, vi } from 'vitest';
import { primitives } from '#primitives';
import { portable } from '../../../protocol/primitives/portable.ts';
import type { KeyStreamName } from '../../../protocol/primitives.ts';
import { layoutOf } from '../../../protocol/ring/payload.ts';
import type { UpdateIntegers } from '../../../protocol/ring/update.ts';
import { addMasks, type Mask, type MaskMaker, pairSign, without } from '../../../protocol/secagg/mask.ts';
import { type MaskKernel, maskKernel } from '../../../protocol/secagg/mask-kernel.ts';

afterEach(() => {
  vi.restoreAllMocks();
});

const addMask = (target: UpdateIntegers, seed: Uint8Array, sign: 1 | -1, maker: MaskMaker) =>
  addMasks(target, [{ seed, sign }], maker);

const targetOf = (length: number, secondBlock: number): UpdateIntegers => ({
  coordinates: new Int32Array(length),
  secondBlock: new Uint32Array(secondBlock),
});
const low = (values: Int32Array, width: number) =>
  Array.from(values, (value) => (value << (32 - width)) >>> 0);

const arrangement = fc.record({
  width: fc.integer({ min: 16, max: 32 }),
  length: fc.integer({ min: 1, max: 300 }),
  counters: fc.integer({ min: 0, max: 3 }),
  seed: fc.uint8Array({ minLength: 32, maxLength: 32 }),
  keyStream: fc.constantFrom<KeyStreamName>('aes-256-ctr', 'chacha20'),
});

test('is the key stream, number by number: 16 bits each where coordinates have 16, else the low bits of 32', async () => {
  await fc.assert(
    fc.asyncProperty(arrangement, async ({ width, length, counters, seed, keyStream }) => {
      const layout = layoutOf({ width, counters }, length);
      const target = targetOf(length, layout.secondBlock);
      await addMask(target, seed, 1, { primitives, keyStream, layout });

      const stream = new Uint8Array(4 * length + 4 * layout.secondBlock);
      await portable.keyStream(keyStream, seed, stream.length, (part, offset) => stream.set(part, offset));
      const view = new DataView(stream.buffer);
      const numbers = Array.from({ length }, (_, i) =>
        width === 16 ? view.getUint16(2 * i, true) : view.getUint32(4 * i, true),
      );
      expect(low(target.coordinates, width)).toEqual(low(Int32Array.from(numbers), width));
      const from = width === 16 ? 4 * Math.ceil(length / 2) : 4 * length;
      expect([...target.secondBlock]).toEqual(
        Array.from({ length: layout.secondBlock }, (_, i) => view.getUint32(from + 4 * i, true)),
      );
    }),
  );
});

test('of a pair the lower adds what the higher takes away; what was added can be taken away', () => {
  const [low, high] = [new Uint8Array(16), new Uint8Array(16).fill(1)];
  expect([pairSign(low, high), pairSign(high, low)]).toEqual([1, -1]);
  const seed = new Uint8Array(32);
  expect(without({ seed, sign: 1 })).toEqual({ seed, sign: -1 });
  expect(without(without({ seed, sign: 1 }))).toEqual({ seed, sign: 1 });
});

test('what is added and taken away is gone, in any order, whatever was there', async () => {
  await fc.assert(
    fc.asyncProperty(arrangement, fc.infiniteStream(fc.integer()), async (given, values) => {
      const { width, length, counters, seed, keyStream } = given;
      const layout = layoutOf({ width, counters }, length);
      const target = targetOf(length, layout.secondBlock);
      for (let i = 0; i < length; i += 1) target.coordinates[i] = values.next().value as number;
      const before = low(target.coordinates, width);
      const maker = { primitives, keyStream, layout };
      const other = seed.map((byte) => byte ^ 1);
      await addMask(target, seed, 1, maker);
      await addMask(target, other, -1, maker);
      if (length > 8) expect(low(target.coordinates, width)).not.toEqual(before);
      await addMask(target, seed, -1, maker);
      await addMask(target, other, 1, maker);
      expect(low(target.coordinates, width)).toEqual(before);
      expect(target.secondBlock.every((value) => value === 0)).toBe(true);
    }),
  );
});

test.each([16, 24])('is the same in parts as whole: %d bits, more than a part has', async (width) => {
  const length = 300_001;
  const layout = layoutOf({ width, counters: 1 }, length);
  const seed = new Uint8Array(32).fill(5);
  const inParts = targetOf(length, 2);
  const whole = targetOf(length, 2);
  await addMask(inParts, seed, 1, { primitives, keyStream: 'chacha20', layout });
  const once = { keyStream: joined };
  await addMask(whole, seed, 1, { primitives: once, keyStream: 'chacha20', layout });
  expect(Buffer.compare(Buffer.from(inParts.coordinates.buffer), Buffer.from(whole.coordinates.buffer))).toBe(
    0,
  );
  expect(inParts.secondBlock).toEqual(whole.secondBlock);
});

/** The key stream in one part. */
const joined: typeof primitives.keyStream = async (name, key, length, take) => {
  const stream = new Uint8Array(length);
  await primitives.keyStream(name, key, length, (part, offset) => stream.set(part, offset));
  take(stream, 0);
};

/** Both signs, so many masks. */
const masksOf = (count: number): Mask[] =>
  Array.from({ length: count }, (_, i) => ({
    seed: new Uint8Array(32).fill(i + 1),
    sign: i % 2 === 0 ? 1 : -1,
  }));

const startOf = (length: number, secondBlock: number): UpdateIntegers => ({
  coordinates: Int32Array.from({ length }, (_, i) => Math.imul(i, 0x9e37_79b1)),
  secondBlock: Uint32Array.from({ length: secondBlock }, (_, i) => 0xffff_ffff - i),
});

const kernelFor = (width: number): MaskKernel => {
  const kernel = maskKernel(width === 16 ? 16 : 32, 1_000_000);
  if (!kernel) throw new Error('no kernel on this platform');
  return kernel;
};

// Around the length from which on there is a kernel, and around what it takes at a time.
test.each(
  [16, 20, 24, 32].flatMap((width) =>
    [16_383, 16_384, 16_385, 32_783, 50_003].map((of) => [width, of] as const),
  ),
)('by kernel to the bit what it is by loops: %i bits, %i coordinates', async (width, length) => {
  const layout = layoutOf({ width, counters: 2 }, length);
  const maker = { primitives, keyStream: 'aes-256-ctr', layout } as const;
  const byKernel = vi.spyOn(kernelFor(width), 'add');
  // What a kernel has not added is left to the loops.
  byKernel.mockReturnValue(0);
  const loops = startOf(length, layout.secondBlock);
  await addMasks(loops, masksOf(3), maker);
  byKernel.mockReset();
  const target = startOf(length, layout.secondBlock);
  await addMasks(target, masksOf(3), maker);
  const added = byKernel.mock.results.map(({ value }) => value as number);
  expect(added.some((words) => words > 0)).toBe(length >= 16_384);
  expect(firstDifference(target.coordinates, loops.coordinates)).toBe(-1);
  expect(target.secondBlock).toEqual(loops.secondBlock);
  // The control: one mask more.
  await addMasks(target, masksOf(1), maker);
  expect(firstDifference(target.coordinates, loops.coordinates)).toBe(0);
  expect(target.secondBlock).not.toEqual(loops.secondBlock);
});

const firstDifference = (a: Int32Array, b: Int32Array) => a.findIndex((value, i) => value !== b[i]);

test.each([16, 24])('two under way at once do not mix: %i bits', async (width) => {
  const length = 40_007;
  const layout = layoutOf({ width, counters: 0 }, length);
  const whose: number[] = [];
  const maker: MaskMaker = {
    ...{ keyStream: 'aes-256-ctr', layout },
    primitives: {
      // Gives a turn to others between parts.
      keyStream: async (name, key, bytes, take) => {
        const parts: [Uint8Array, number][] = [];
        await primitives.keyStream(name, key, bytes, (part, offset) => {
          for (let at = 0; at < part.length; at += 8192) parts.push([part.slice(at, at + 8192), offset + at]);
        });
        for (const [part, offset] of parts) {
          whose.push(key[0] as number);
          take(part, offset);
          await Promise.resolve();
        }
      },
    },
  };
  const [first, second] = [masksOf(2), masksOf(3).slice(2)];
  const [a, b, alone] = [startOf(length, 1), startOf(length, 1), startOf(length, 1)];
  await Promise.all([addMasks(a, first, maker), addMasks(b, second, maker)]);
  // In turns indeed.
  expect(whose.slice(0, whose.lastIndexOf(3)).some((key, i) => key === 3 && whose[i + 1] !== 3)).toBe(true);
  await addMasks(alone, first, { ...maker, primitives });
  expect(firstDifference(a.coordinates, alone.coordinates)).toBe(-1);
  await addMasks(alone, first.map(without), { ...maker, primitives });
  await addMasks(alone, second, { ...maker, primitives });
  expect(firstDifference(b.coordinates, alone.coordinates)).toBe(-1);
  expect(firstDifference(a.coordinates, b.coordinates)).not.toBe(-1);
});

test('what the kernel held is wiped, also when a key stream fails', async () => {
  const layout = layoutOf({ width: 24, counters: 0 }, 40_000);
  const kernel = kernelFor(24);
  const [add, wipe] = [vi.spyOn(kernel, 'add'), vi.spyOn(kernel, 'wipe')];
  await addMasks(startOf(40_000, 1), masksOf(2), { primitives, keyStream: 'aes-256-ctr', layout });
  expect(wipe).toHaveBeenCalledTimes(1);
  expect(wipe.mock.invocationCallOrder[0]).toBeGreaterThan(add.mock.invocationCallOrder.at(-1) as number);

  const keyStream: typeof primitives.keyStream = async (name, key, _, take) => {
    await primitives.keyStream(name, key, 80_000, take);
    throw new Error('no more of it');
  };
  const target = startOf(40_000, 1);
  const failing = { primitives: { keyStream }, keyStream: 'aes-256-ctr', layout } as const;
  await expect(addMasks(target, masksOf(2), failing)).rejects.toThrow('no more of it');
  expect(wipe).toHaveBeenCalledTimes(2);
  expect(wipe.mock.invocationCallOrder[1]).toBeGreaterThan(add.mock.invocationCallOrder.at(-1) as number);
  // Half of the first mask has been added.
  const { coordinates } = startOf(40_000, 1);
  expect(target.coordinates.subarray(20_000)).toEqual(coordinates.subarray(20_000));
  expect(target.coordinates.subarray(0, 20_000)).not.toEqual(coordinates.subarray(0, 20_000));
});
