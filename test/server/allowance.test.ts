import { expect, test } from 'vitest';
import { Allowance } from '../../server/allowance.ts';
import { VirtualClock } from '../../sim/virtual-clock.ts';

test('so many at once, then one after the other; each name for itself', async () => {
  const clock = new VirtualClock();
  const allowance = new Allowance(clock, { most: 3, everyMs: 1000 });
  const taken = (name: string, times: number) => Array.from({ length: times }, () => allowance.take(name));
  expect(taken('a', 5)).toEqual([true, true, true, false, false]);
  expect(taken('b', 1)).toEqual([true]);
  await clock.advance(999);
  expect(taken('a', 1)).toEqual([false]);
  await clock.advance(1);
  expect(taken('a', 2)).toEqual([true, false]);
  await clock.advance(1_000_000);
  expect(taken('a', 4)).toEqual([true, true, true, false]);
});

test('a clock that is set back locks nobody out for longer', () => {
  let now = 1_000_000;
  const clock = { now: () => now, schedule: () => () => {} };
  const allowance = new Allowance(clock, { most: 2, everyMs: 1000 });
  expect([allowance.take('a'), allowance.take('a'), allowance.take('a')]).toEqual([true, true, false]);
  now = 0;
  expect(allowance.take('a')).toBe(false);
  now = 2000;
  expect(allowance.take('a')).toBe(true);
});
