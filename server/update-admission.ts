/**
 * Whether a message could be accepted, before any of it is read. The reducer decides again once it is stored.
 */
import { layoutOf } from '../protocol/ring/payload.ts';
import { step } from '../protocol/round.ts';
import type { JobState } from '../protocol/round-state.ts';
import { HEADER_BYTES } from '../protocol/vector.ts';
import type { JobManifest } from '../schemas/job.ts';
import type { JobEvent } from '../schemas/job-event.ts';

/** Bytes of every update of a job, header included. */
export function updateBytes({ codec, parameters }: JobManifest): number {
  return HEADER_BYTES + layoutOf(codec, parameters).payloadBytes;
}

/** Throws the problem for which the round would refuse the message now. */
export function refuseEarly(job: JobState, message: JobEvent): void {
  const [, effects] = step(job, message, '');
  for (const effect of effects) if (effect.type === 'refuse') throw effect.problem;
}
