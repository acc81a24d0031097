import fc from 'fast-check';
import { expect, test } from 'vitest';
import type { FuzzFault, FuzzSchedule } from '../../../schemas/fuzz-schedule.ts';
import { drawSchedule } from '../../../sim/fuzz/draw-schedule.ts';
import { shrink } from '../../../sim/fuzz/shrink.ts';

const BASE = drawSchedule(0, { participants: 4, rounds: 1 });
const faultAt = (at: number): FuzzFault => ({ kind: 'clock', of: 0, atMs: at, byMs: 1 });
const timesOf = ({ faults }: FuzzSchedule) =>
  faults.map((fault) => (fault.kind === 'clock' ? fault.atMs : -1));

test('what is left are the faults that it takes, whichever they are', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc
        .integer({ min: 1, max: 40 })
        .chain((count) =>
          fc.tuple(
            fc.constant(count),
            fc.uniqueArray(fc.integer({ min: 0, max: count - 1 }), { minLength: 0, maxLength: 5 }),
          ),
        ),
      async ([count, needed]) => {
        const faults = Array.from({ length: count }, (_, at) => faultAt(at));
        const smallest = await shrink({ ...BASE, faults }, 'some rule', async (schedule) => {
          const times = timesOf(schedule);
          const isBroken = needed.every((at) => times.includes(at));
          return isBroken ? { violation: { rule: 'some rule', message: '', atMs: 0 } } : {};
        });
        expect(timesOf(smallest)).toEqual([...needed].sort((a, b) => a - b));
      },
    ),
  );
});

test('a schedule that breaks another rule is not a smaller one', async () => {
  const faults = [faultAt(0), faultAt(1)];
  const smallest = await shrink({ ...BASE, faults }, 'one rule', async (schedule) => {
    const rule = schedule.faults.length === 2 ? 'one rule' : 'another rule';
    return { violation: { rule, message: '', atMs: 0 } };
  });
  expect(smallest.faults).toEqual(faults);
});
