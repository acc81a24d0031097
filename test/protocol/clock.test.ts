import { expect, test } from 'vitest';
import { pause } from '../../protocol/clock.ts';
import { VirtualClock } from '../../sim/virtual-clock.ts';

/** Whether a promise has settled by now. */
async function isSettled(promise: Promise<void>): Promise<boolean> {
  let settled = false;
  void promise.then(() => {
    settled = true;
  });
  await new Promise((resolve) => setImmediate(resolve));
  return settled;
}

test('a pause ends when its time has come, not before', async () => {
  const clock = new VirtualClock();
  const paused = pause(clock, 1000);
  await clock.advance(999);
  expect(await isSettled(paused)).toBe(false);
  await clock.advance(1);
  expect(await isSettled(paused)).toBe(true);
  expect(clock.pending).toBe(0);
});

test('a signal ends a pause, and leaves nothing scheduled', async () => {
  const clock = new VirtualClock();
  const controller = new AbortController();
  const paused = pause(clock, 1000, controller.signal);
  expect(clock.pending).toBe(1);
  expect(await isSettled(paused)).toBe(false);
  controller.abort();
  expect(await isSettled(paused)).toBe(true);
  expect(clock.pending).toBe(0);
});

test('a pause under a signal that has been given is none', async () => {
  const clock = new VirtualClock();
  expect(await isSettled(pause(clock, 1000, AbortSignal.abort()))).toBe(true);
  expect(clock.pending).toBe(0);
});

test('a pause that has ended no longer listens to its signal', async () => {
  const clock = new VirtualClock();
  const { signal } = new AbortController();
  const listening: string[] = [];
  const { addEventListener, removeEventListener } = signal;
  signal.addEventListener = (...args: Parameters<typeof addEventListener>) => {
    listening.push(args[0]);
    addEventListener.apply(signal, args);
  };
  signal.removeEventListener = (...args: Parameters<typeof removeEventListener>) => {
    listening.splice(listening.indexOf(args[0]), 1);
    removeEventListener.apply(signal, args);
  };
  const paused = pause(clock, 10, signal);
  expect(listening).toEqual(['abort']);
  await clock.advance(10);
  await paused;
  expect(listening).toEqual([]);
});
