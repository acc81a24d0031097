// covers: schemas/fuzz-schedule.ts
import { expect, test } from 'vitest';
import { parse } from '../../../protocol/parse.ts';
import { FuzzSchedule } from '../../../schemas/fuzz-schedule.ts';
import { drawSchedule } from '../../../sim/fuzz/draw-schedule.ts';

const SIZE = { participants: 8, rounds: 2 };

test('schedules have the form that a file for --replay must have, and say the same every time', () => {
  for (let seed = 0; seed < 300; seed += 1) {
    const schedule = drawSchedule(seed, SIZE);
    expect(parse(FuzzSchedule, JSON.parse(JSON.stringify(schedule)), 'schedule')).toEqual(schedule);
    expect(drawSchedule(seed, SIZE)).toEqual(schedule);
    expect(schedule.cohort.minimum).toBeLessThanOrEqual(schedule.cohort.size);
    expect(schedule.cohort.size).toBeLessThanOrEqual(8);
  }
});

test('every kind of fault comes up, and some schedules have none', () => {
  const schedules = Array.from({ length: 500 }, (_, seed) => drawSchedule(seed, SIZE));
  const kinds = new Map<string, number>();
  for (const fault of schedules.flatMap(({ faults }) => faults)) {
    const name = 'what' in fault ? `${fault.kind}: ${fault.what}` : fault.kind;
    kinds.set(name, (kinds.get(name) ?? 0) + 1);
  }
  expect(kinds.size).toBe(17);
  for (const [name, count] of kinds)
    expect({ name, isSeldom: count < 20 }).toEqual({ name, isSeldom: false });
  expect(schedules.some(({ faults }) => faults.length === 0)).toBe(true);
});

test('the smallest federation has a schedule', () => {
  const { cohort } = drawSchedule(1, { participants: 1, rounds: 1 });
  expect(cohort).toEqual({ size: 1, minimum: 1 });
});
