import fc from 'fast-check';
import { expect, test } from 'vitest';
import { pause } from '../../protocol/clock.ts';
import { VirtualClock } from '../../sim/virtual-clock.ts';

test('stands still until it is told to go on, then does what is due, at its time', async () => {
  const clock = new VirtualClock(1000);
  const done: [string, number][] = [];
  clock.schedule(1500, () => done.push(['due', clock.now()]));
  clock.schedule(2500, () => done.push(['not due', clock.now()]));
  expect([clock.now(), done]).toEqual([1000, []]);
  await clock.advance(1000);
  expect([clock.now(), done]).toEqual([2000, [['due', 1500]]]);
  await clock.advance(500);
  expect(done).toEqual([
    ['due', 1500],
    ['not due', 2500],
  ]);
});

test('work that was taken back is not done; work that work schedules is, if it is due', async () => {
  const clock = new VirtualClock(0);
  const done: string[] = [];
  const cancel = clock.schedule(10, () => done.push('cancelled'));
  cancel();
  clock.schedule(10, () => {
    done.push('first');
    clock.schedule(15, () => done.push('second'));
    clock.schedule(25, () => done.push('third'));
  });
  await clock.advance(20);
  expect(done).toEqual(['first', 'second']);
});

test('step by step: each does one piece of work, and the last says that there is none', async () => {
  const clock = new VirtualClock(0);
  const done: string[] = [];
  clock.schedule(20, () => done.push('second'));
  clock.schedule(10, () => {
    done.push('first');
    void Promise.resolve().then(() => done.push('what follows from it'));
  });
  expect(await clock.step()).toBe(true);
  expect([clock.now(), done]).toEqual([10, ['first', 'what follows from it']]);
  expect(await clock.step()).toBe(true);
  expect([clock.now(), done.length]).toEqual([20, 3]);
  expect(await clock.step()).toBe(false);
  expect(clock.now()).toBe(20);
});

test('what was due in the past is done with the next step, and time never goes back', async () => {
  const clock = new VirtualClock(100);
  let at = 0;
  clock.schedule(50, () => {
    at = clock.now();
  });
  await clock.advance(0);
  expect([at, clock.now()]).toEqual([100, 100]);
});

test('order is that of time, then that of scheduling', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(fc.integer({ min: 0, max: 9 }), { maxLength: 20 }), async (times) => {
      const clock = new VirtualClock(0);
      const done: { at: number; index: number }[] = [];
      times.forEach((at, index) => {
        clock.schedule(at, () => done.push({ at, index }));
      });
      await clock.advance(9);
      const expected = times
        .map((at, index) => ({ at, index }))
        .sort((a, b) => a.at - b.at || a.index - b.index);
      expect(done).toEqual(expected);
    }),
  );
});

test('what work sets going has come to rest before the next work is due', async () => {
  const clock = new VirtualClock();
  const done: string[] = [];
  clock.schedule(clock.now() + 20, () => done.push('second'));
  clock.schedule(clock.now() + 10, async () => {
    await Promise.resolve();
    done.push('what follows from the first');
  });
  expect(clock.pending).toBe(2);
  await clock.advance(20);
  expect(done).toEqual(['what follows from the first', 'second']);
  expect(clock.pending).toBe(0);
});

test('a pause ends when its time has come, or when its signal aborts', async () => {
  const clock = new VirtualClock(0);
  const ended: string[] = [];
  const stop = new AbortController();
  void pause(clock, 10).then(() => ended.push('over'));
  void pause(clock, 1e9, stop.signal).then(() => ended.push('stopped'));
  await clock.advance(9);
  expect(ended).toEqual([]);
  await clock.advance(1);
  expect(ended).toEqual(['over']);
  stop.abort();
  await Promise.resolve();
  expect(ended).toEqual(['over', 'stopped']);
});
