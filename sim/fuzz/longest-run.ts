/**
 * How long a run of the fuzzer may take before its job counts as one that never ends.
 */
import type { FuzzSchedule } from '../../schemas/fuzz-schedule.ts';

/** Milliseconds from the start: once nothing befalls anybody any more, all attempts of all rounds fit in. */
export function longestMs(schedule: FuzzSchedule): number {
  const { faults, rounds, maxAttempts, collectSeconds, evaluateSeconds, secure } = schedule;
  let last = 0;
  for (const fault of faults) {
    if (fault.kind === 'process') last = Math.max(last, fault.atMs + fault.forMs);
    // Deadlines are moments (SPEC.md 8.3): after a restart, they are as far away as the clock says.
    if (fault.kind === 'clock') last += fault.atMs + Math.abs(fault.byMs);
    if (fault.kind === 'disk' || fault.kind === 'journal') last += fault.downMs;
    if (fault.kind === 'message') last += fault.byMs;
    if (fault.kind === 'membership') last = Math.max(last, fault.atMs);
  }
  // Recruiting takes as long as the longest pause of a node, and a request for work that nobody answers.
  // Keys have as long as an update, and each further message of a secure round takes time of its own.
  const secureSeconds = secure
    ? Math.max(collectSeconds, secure.answerSeconds) + 3 * secure.answerSeconds
    : 0;
  const attemptMs = 1000 * (secureSeconds + collectSeconds + evaluateSeconds) + 60_000;
  return last + rounds * maxAttempts * attemptMs;
}
