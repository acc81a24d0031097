// covers: schemas/fuzz-schedule.ts
import { expect, test } from 'vitest';
import { parse } from '../../../protocol/parse.ts';
import { FuzzSchedule } from '../../../schemas/fuzz-schedule.ts';
import { drawSchedule } from '../../../sim/fuzz/draw-schedule.ts';
import { thresholdFor } from '../../../sim/fuzz/secure-account.ts';

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

test('half of the jobs are secure, of three to six participants; of a hundred seeds one has the real primitives', () => {
  const schedules = Array.from({ length: 400 }, (_, seed) => drawSchedule(seed, SIZE));
  const secure = schedules.filter((schedule) => schedule.secure);
  expect(secure.length).toBeGreaterThan(160);
  expect(secure.length).toBeLessThan(240);
  const real = secure.filter((schedule) => schedule.secure?.primitives === 'real');
  expect(real.map(({ seed }) => seed)).toEqual([0, 100, 200, 300]);
  for (const { participants, cohort, secure: terms } of secure) {
    const chosen = cohort.size + (terms?.extra ?? 0);
    expect(participants).toBeLessThanOrEqual(6);
    expect([chosen >= 3, chosen <= participants]).toEqual([true, true]);
    expect(cohort.size).toBeGreaterThanOrEqual(thresholdFor(chosen));
  }
  const suites = new Set(secure.map((schedule) => schedule.secure?.suite));
  expect([...suites].sort()).toEqual([1, 2]);
});

test('jobs of one kind alone, where that is wanted: a seed has then the one that it would have anyway', () => {
  for (let seed = 0; seed < 50; seed += 1) {
    const [plain, secure, any] = (['plain', 'secure', undefined] as const).map((aggregation) =>
      drawSchedule(seed, { ...SIZE, ...(aggregation && { aggregation }) }),
    );
    expect([plain?.secure !== undefined, secure?.secure !== undefined]).toEqual([false, true]);
    expect(any).toEqual(any?.secure ? secure : plain);
  }
  expect(drawSchedule(1, { participants: 2, rounds: 1, aggregation: 'secure' }).secure).toBeUndefined();
});

test('every kind of fault comes up, and some schedules have none', () => {
  const schedules = Array.from({ length: 500 }, (_, seed) => drawSchedule(seed, SIZE));
  const kinds = new Map<string, number>();
  for (const fault of schedules.flatMap(({ faults }) => faults)) {
    const name = 'what' in fault ? `${fault.kind}: ${fault.what}` : fault.kind;
    kinds.set(name, (kinds.get(name) ?? 0) + 1);
  }
  expect(kinds.size).toBe(23);
  for (const [name, count] of kinds)
    expect({ name, isSeldom: count < 20 }).toEqual({ name, isSeldom: false });
  expect(schedules.some(({ faults }) => faults.length === 0)).toBe(true);
});

test('the smallest federation has a schedule', () => {
  const { cohort } = drawSchedule(1, { participants: 1, rounds: 1 });
  expect(cohort).toEqual({ size: 1, minimum: 1 });
});
