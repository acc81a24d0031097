/**
 * Whether a message could be accepted, before any of it is read. The reducer decides again once it is stored.
 */
import { step } from '../protocol/round.ts';
import type { JobState } from '../protocol/round-state.ts';
import type { JobEvent } from '../schemas/job-event.ts';

/** Throws the problem for which the round would refuse the message now. */
export function refuseEarly(job: JobState, message: JobEvent): void {
  const [, effects] = step(job, message, '');
  for (const effect of effects) if (effect.type === 'refuse') throw effect.problem;
}
