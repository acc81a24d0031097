import { expect, test } from 'vitest';
import { UpdateMemory } from '../../server/update-memory.ts';

test('buffers are given as long as there is room, and again when others are done, even by failing', async () => {
  const memory = new UpdateMemory(100);
  const ends: (() => void)[] = [];
  const held = (length: number) => {
    let given: number | undefined;
    const done = memory.withBuffer(length, async (buffer) => {
      given = buffer?.length;
      await new Promise<void>((resolve) => ends.push(resolve));
    });
    return { given, done };
  };
  expect(held(60).given).toBe(60);
  expect(held(41).given).toBeUndefined();
  expect(held(40).given).toBe(40);
  expect(held(1).given).toBeUndefined();
  for (const end of ends) end();
  await new Promise(setImmediate);
  await expect(
    memory.withBuffer(100, async () => {
      throw new Error('broken');
    }),
  ).rejects.toThrow('broken');
  const [first, again] = [
    await memory.withBuffer(100, async (buffer) => buffer),
    await memory.withBuffer(100, async (buffer) => buffer),
  ];
  expect(first).toHaveLength(100);
  expect(again).toBe(first);
  expect(await memory.withBuffer(99, async (buffer) => buffer?.length)).toBe(99);
  expect(await memory.withBuffer(101, async (buffer) => buffer)).toBeUndefined();
});
