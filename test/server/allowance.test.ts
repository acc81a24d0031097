import fc from 'fast-check';
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

test('tokens can cost more and less than one, and come back when they were not used', async () => {
  const clock = new VirtualClock();
  const allowance = new Allowance(clock, { most: 3, everyMs: 1000 });
  expect([allowance.take('a', 2), allowance.left('a')]).toEqual([true, 1]);
  expect([allowance.take('a', 2), allowance.waitMs('a', 2)]).toEqual([false, 1000]);
  expect(Array.from({ length: 5 }, () => allowance.take('a', 1 / 4))).toEqual([
    true,
    true,
    true,
    true,
    false,
  ]);
  expect(allowance.waitMs('a', 1 / 4)).toBe(250);
  allowance.giveBack('a', 3);
  expect([allowance.left('a'), allowance.names]).toEqual([3, 0]);
  allowance.giveBack('a'); // more than full it does not become
  expect([allowance.take('a', 3), allowance.take('a', 0.1)]).toEqual([true, false]);
});

test('what it keeps is bounded: full buckets first, then those that were used longest ago', async () => {
  const clock = new VirtualClock();
  const allowance = new Allowance(clock, { most: 1, everyMs: 1000, mostNames: 100 });
  for (let i = 0; i < 10_000; i += 1) allowance.take(`stranger ${i}`);
  expect(allowance.names).toBe(100);
  expect(allowance.take('stranger 9999')).toBe(false);
  expect(allowance.take('stranger 1')).toBe(true);
  await clock.advance(1000);
  for (let i = 0; i < 100; i += 1) allowance.take('one');
  expect(allowance.names).toBe(1);
});

test('in any time no more comes through than a bucket and what flows into it', () => {
  const steps = fc.array(fc.tuple(fc.nat(400), fc.constantFrom(0.25, 0.5, 1, 2)), { maxLength: 200 });
  fc.assert(
    fc.property(steps, (taken) => {
      let now = 1_000_000;
      const clock = { now: () => now, schedule: () => () => {} };
      const allowance = new Allowance(clock, { most: 4, everyMs: 100 });
      let got = 0;
      for (const [pauseMs, tokens] of taken) {
        now += pauseMs;
        const isNow = allowance.waitMs('a', tokens) === 0;
        expect(allowance.take('a', tokens)).toBe(isNow);
        if (isNow) got += tokens;
        expect(got).toBeLessThanOrEqual(4 + (now - 1_000_000) / 100 + 1e-6);
      }
    }),
  );
});
