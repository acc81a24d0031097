/**
 * Notices that a tab did not run for a while: a browser may stop a page in the background, and a laptop may sleep. Whoever
 * watches should be told why rounds were missed.
 */
import { type Clock, pause } from '../../protocol/clock.ts';

const TICK_MS = 5000;
/** A tick that comes so much too late was not merely delayed: timers of hidden pages come once a minute at the least. */
const ASLEEP_MS = 90_000;

/**
 * Resolves when the signal aborts.
 * @param onAwake told after every sleep, with how long it was in milliseconds
 */
export async function watchSleep(
  clock: Clock,
  signal: AbortSignal,
  onAwake: (milliseconds: number) => void,
): Promise<void> {
  for (let last = clock.now(); !signal.aborted; last = clock.now()) {
    await pause(clock, TICK_MS, signal);
    const late = clock.now() - last - TICK_MS;
    if (!signal.aborted && late >= ASLEEP_MS) onAwake(late);
  }
}
