import { expect, test } from 'vitest';
import { SpareBuffers } from '../../client/spare-buffers.ts';

test('a buffer that was given back is taken again, by whoever needs one of its length', () => {
  const buffers = new SpareBuffers();
  const [long, short] = [buffers.take(64), buffers.take(8)];
  expect([long.byteLength, short.byteLength]).toEqual([64, 8]);
  expect(buffers.take(8)).not.toBe(short);
  buffers.give(long);
  buffers.give(short);
  expect(buffers.take(16).byteLength).toBe(16);
  expect(buffers.take(8)).toBe(short);
  expect(buffers.take(64)).toBe(long);
  expect(buffers.take(64)).not.toBe(long);
});

test('few are kept: those that were used last', () => {
  const buffers = new SpareBuffers();
  const given = [1, 2, 3, 4, 5].map((bytes) => buffers.take(bytes));
  for (const buffer of given) buffers.give(buffer);
  expect(given.map((buffer, i) => buffers.take(i + 1) === buffer)).toEqual([false, true, true, true, true]);
});
