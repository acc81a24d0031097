import fc from 'fast-check';
import { expect, test } from 'vitest';
import { primitives } from '#primitives';
import { portable } from '../../../protocol/primitives/portable.ts';
import type { KeyStreamName } from '../../../protocol/primitives.ts';
import { layoutOf } from '../../../protocol/ring/payload.ts';
import type { UpdateIntegers } from '../../../protocol/ring/update.ts';
import { addMasks, type MaskMaker, pairSign, without } from '../../../protocol/secagg/mask.ts';

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
