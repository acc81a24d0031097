/**
 * The events of one job, and its state as what follows from them. SPEC.md section 8.
 */
import type { Clock } from '../protocol/clock.ts';
import { createJob, step } from '../protocol/round.ts';
import type { JobState } from '../protocol/round-state.ts';
import type { JobId } from '../schemas/ids.ts';
import { JobEvent } from '../schemas/job-event.ts';
import { EventStream } from './event-stream.ts';
import type { Store } from './store/store.ts';

/** Its state is null before `jobCreated`. */
export type JobStream = EventStream<JobState | null, JobEvent>;

/** Throws `storageCorrupt` for events that do not make a job, and what the store throws. */
export function openJobStream(jobId: JobId, store: Store, clock: Clock): Promise<JobStream> {
  return EventStream.open<JobState | null, JobEvent>(store, clock, {
    name: `job/${jobId}`,
    schema: JobEvent,
    initial: null,
    fold: (job, event, at) => foldJob(jobId, job, event, at),
  });
}

/**
 * What the reducer would refuse, and what would change nothing, is never written: whoever reads such an event reads a
 * stream that is damaged. Throws then.
 */
function foldJob(jobId: JobId, job: JobState | null, event: JobEvent, at: string): JobState {
  if (job === null) {
    if (event.type !== 'jobCreated') throw new Error('the stream does not begin with jobCreated');
    if (event.jobId !== jobId) throw new Error(`it belongs to ${event.jobId}`);
    return createJob(event, at)[0];
  }
  const [after, effects] = step(job, event, at);
  for (const effect of effects) if (effect.type === 'refuse') throw effect.problem;
  if (after === job) throw new Error('it changes nothing');
  return after;
}
