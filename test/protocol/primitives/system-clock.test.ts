import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { systemClock } from '../../../protocol/primitives/system-clock.ts';

const DAY = 86_400_000;

beforeEach(() => {
  vi.useFakeTimers({ now: 1_000_000 });
});
afterEach(() => {
  vi.useRealTimers();
});

test('runs work at its time, once, and not before schedule has returned', () => {
  const work = vi.fn();
  expect(systemClock.now()).toBe(1_000_000);
  systemClock.schedule(1_000_050, work);
  const overdue = vi.fn();
  systemClock.schedule(0, overdue);
  expect(overdue).not.toHaveBeenCalled();
  vi.advanceTimersByTime(49);
  expect(overdue).toHaveBeenCalledTimes(1);
  expect(work).not.toHaveBeenCalled();
  vi.advanceTimersByTime(1);
  expect(work).toHaveBeenCalledTimes(1);
  vi.advanceTimersByTime(DAY);
  expect(work).toHaveBeenCalledTimes(1);
});

test('what was taken back does not run, also when it is far away', () => {
  const kept = vi.fn();
  const near = vi.fn();
  const far = vi.fn();
  const takeBackNear = systemClock.schedule(1_000_010, near);
  const takeBackFar = systemClock.schedule(1_000_000 + 60 * DAY, far);
  systemClock.schedule(1_000_010, kept);
  takeBackNear();
  vi.advanceTimersByTime(30 * DAY); // beyond the first step of the far one
  takeBackFar();
  vi.advanceTimersByTime(60 * DAY);
  expect([kept, near, far].map((work) => work.mock.calls.length)).toEqual([1, 0, 0]);
});

test('a moment beyond the longest delay of a timer is kept', () => {
  const work = vi.fn();
  systemClock.schedule(1_000_000 + 60 * DAY, work); // setTimeout alone would run it at once
  vi.advanceTimersByTime(60 * DAY - 1);
  expect(work).not.toHaveBeenCalled();
  vi.advanceTimersByTime(1);
  expect(work).toHaveBeenCalledTimes(1);
});
