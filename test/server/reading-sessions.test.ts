import { beforeEach, expect, test } from 'vitest';
import { ReadingSessions } from '../../server/reading-sessions.ts';
import { NotedWorld, memberId as reader } from '../fixtures/noted-world.ts';

let world: NotedWorld;
let readings: ReadingSessions;
beforeEach(() => {
  world = new NotedWorld();
  readings = new ReadingSessions(world.around());
});

const told = () =>
  world.noted.map((note) => {
    if (note.type !== 'reading.session') throw new Error('another note');
    const { first, last, count } = note.data;
    return [note.hidden?.reader, first, last, count];
  });

test('a session is one entry: who, from where to where, how many, from when to when', async () => {
  const begun = world.clock.now();
  for (let tile = 0; tile < 40; tile += 1) {
    readings.read(reader(1), 256 * tile, 256);
    await world.clock.advance(1000);
  }
  readings.read(reader(1), 0, 256);
  expect(world.noted).toEqual([]);
  await world.clock.advance(299_999);
  expect(world.noted).toEqual([]);
  await world.clock.advance(1);
  expect(told()).toEqual([[reader(1), 0, 40 * 256 - 1, 41 * 256]]);
  const [since, until] = [begun, begun + 40_000].map((at) => new Date(at).toISOString());
  expect(world.noted[0]?.data).toMatchObject({ since, until });
  expect(JSON.stringify(world.noted[0]?.data)).not.toContain(reader(1));
  expect(world.clock.pending).toBe(0);
});

test('whoever reads on and on has an entry an hour', async () => {
  for (let minute = 0; minute < 150; minute += 1) {
    readings.read(reader(1), minute, 1);
    await world.clock.advance(60_000);
  }
  expect(told()).toEqual([
    [reader(1), 0, 59, 60],
    [reader(1), 60, 119, 60],
  ]);
  await readings.close();
  expect(told().slice(2)).toEqual([[reader(1), 120, 149, 30]]);
});

test('sessions of several readers are told apart, and by turns they fill the log no more than one does', async () => {
  for (let turn = 0; turn < 10; turn += 1) {
    for (let i = 0; i < 2000; i += 1) readings.read(reader(i), i + turn, 1);
    await world.clock.advance(1000);
  }
  expect(world.noted).toEqual([]);
  await world.clock.advance(300_000);
  expect(told()).toHaveLength(2000);
  expect(told().at(-1)).toEqual([reader(1999), 1999, 2008, 10]);
});

test('a session ends with the coordinator, and none begins after that', async () => {
  readings.read(reader(1), 5, 1);
  await readings.close();
  readings.read(reader(2), 5, 1);
  await readings.close();
  expect(told()).toEqual([[reader(1), 5, 5, 1]]);
  expect(world.clock.pending).toBe(0);
});

test('no session ends before it has begun, whatever the clock does', async () => {
  let now = Date.parse('2026-01-01T12:00:00.000Z');
  const restless = new ReadingSessions(world.around({ now: () => now, schedule: () => () => {} }));
  restless.read(reader(1), 0, 1);
  now -= 86_400_000;
  restless.read(reader(1), 1, 1);
  await restless.close();
  const at = '2026-01-01T12:00:00.000Z';
  expect(world.noted[0]?.data).toEqual({ first: 0, last: 1, count: 2, since: at, until: at });
});

test('a log that cannot be written is reported', async () => {
  readings.read(reader(1), 0, 1);
  world.fault = new Error('planted');
  await readings.close();
  expect([world.noted, world.reported]).toEqual([[], [world.fault]]);
});
