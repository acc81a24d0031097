/**
 * The clock of the machine. With `node.ts` and `web.ts` beside it, all of `protocol/` that touches the platform.
 */
import type { Clock } from '../clock.ts';

/** The longest delay that timers of JavaScript keep; a later moment is reached in several steps. */
const LONGEST_DELAY = 2 ** 31 - 1;

export const systemClock: Clock = {
  now: () => Date.now(),
  schedule(at, work) {
    let timer: ReturnType<typeof setTimeout>;
    const arm = () => {
      const left = Math.max(0, at - Date.now());
      timer = left > LONGEST_DELAY ? setTimeout(arm, LONGEST_DELAY) : setTimeout(work, left);
    };
    arm();
    return () => clearTimeout(timer);
  },
};
