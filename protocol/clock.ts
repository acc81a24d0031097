/**
 * Time as an argument. Shells pass the clock of the machine, simulations and tests a virtual one.
 */

export interface Clock {
  /** Milliseconds since 1970-01-01 UTC. */
  now(): number;
  /**
   * Runs `work` once, at or soon after `at` (as `now`), also if that is past, but never before `schedule` has returned.
   * The function returned takes that back.
   */
  schedule(at: number, work: () => void): () => void;
}

/** Resolves after `milliseconds`, or at once when the signal aborts. */
export function pause(clock: Clock, milliseconds: number, signal?: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal?.aborted) return resolve();
    const done = () => {
      cancel();
      signal?.removeEventListener('abort', done);
      resolve();
    };
    const cancel = clock.schedule(clock.now() + milliseconds, done);
    signal?.addEventListener('abort', done, { once: true });
  });
}
