import { expect, test } from 'vitest';
import { longestTaskMs, type TraceEvent } from '../../../sim/bench/task-trace.ts';

const task = (pid: number, tid: number, tdur: number): TraceEvent => {
  return { name: 'ThreadControllerImpl::RunTask', ph: 'X', pid, tid, tdur };
};
const EVENTS: readonly TraceEvent[] = [
  task(1, 1, 4000),
  { name: 'a', ph: 'R', pid: 1, tid: 1 },
  task(1, 1, 7500),
  task(1, 2, 90_000),
  task(2, 1, 80_000),
  { name: 'something else', ph: 'X', pid: 1, tid: 1, tdur: 70_000 },
  { name: 'b', ph: 'R', pid: 2, tid: 1 },
  { name: 'c', ph: 'R', pid: 3, tid: 1 },
];

test('the longest task is looked for on the thread that has the mark, in milliseconds', () => {
  expect(longestTaskMs(EVENTS, 'a')).toBe(7.5);
  expect(longestTaskMs(EVENTS, 'b')).toBe(80);
});

test('a mark or tasks that were not recorded are no task of 0 ms', () => {
  expect(() => longestTaskMs(EVENTS, 'c')).toThrow('no tasks of c');
  expect(() => longestTaskMs(EVENTS, 'd')).toThrow('no tasks of d');
});

test('a task without its processor time is no short one', () => {
  const { tdur, ...unknown } = task(1, 1, 1);
  expect(tdur).toBe(1);
  expect(longestTaskMs([...EVENTS, unknown], 'a')).toBeNaN();
});
