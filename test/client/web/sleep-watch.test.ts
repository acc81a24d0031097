import { expect, test } from 'vitest';
import { watchSleep } from '../../../client/web/sleep-watch.ts';
import { VirtualClock } from '../../../sim/virtual-clock.ts';

/** A clock whose timers come late, by what is in `late`. */
class SleepyClock extends VirtualClock {
  late = 0;
  override now(): number {
    return super.now() + this.late;
  }
  override schedule(at: number, work: () => void): () => void {
    return super.schedule(at - this.late, work);
  }
}

test('a sleep is told with its length; timers once a minute are none', async () => {
  const clock = new SleepyClock();
  const life = new AbortController();
  const told: number[] = [];
  const watching = watchSleep(clock, life.signal, (milliseconds) => told.push(milliseconds));
  await clock.advance(60_000);
  clock.late += 60_000;
  await clock.advance(60_000);
  expect(told).toEqual([]);
  clock.late += 3_600_000;
  await clock.advance(5000);
  expect(told).toEqual([3_600_000]);
  life.abort();
  await watching;
  clock.late += 3_600_000;
  expect(told).toHaveLength(1);
});
