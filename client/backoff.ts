/**
 * How long to wait before trying again: full jitter, so that many who failed at the same moment do not return at the
 * same moment. Brooker, "Exponential Backoff And Jitter", AWS Architecture Blog, 2015. SPEC.md section 9.2.
 *
 *   pause = U(0, min(longest, first * 2^failures))
 */
import type { RandomNumbers } from '../protocol/random.ts';

export interface Pauses {
  readonly firstPauseMs: number;
  readonly longestPauseMs: number;
}

/**
 * @param failures in a row before this one, from 0
 * @returns whole milliseconds
 */
export function backoffMs(failures: number, { firstPauseMs, longestPauseMs }: Pauses, jitter: RandomNumbers) {
  return Math.round(Math.min(longestPauseMs, firstPauseMs * 2 ** failures) * jitter.unit());
}
