/**
 * What a job has taken of its privacy promise, from its manifest and the number of sums that were opened: computed anew, whatever
 * is stated. SPEC.md 12.3, 13.8. Pure.
 */
import type { DpEvent } from '../../schemas/dp-event.ts';
import type { JobManifest } from '../../schemas/job.ts';
import { costOfRounds, type JobPrivacy, jobPrivacy } from '../dp/job-privacy.ts';

export interface JobEpsilon {
  readonly unit: JobPrivacy['unit'];
  readonly delta: number;
  /** Of one sum: the type of its event. */
  readonly mechanism: string;
  /** If all rounds of the job were opened. */
  readonly promised: number;
  /** As the manifest says it. */
  readonly stated: number;
  /** @param opened attempts whose sum is out, however they ended */
  after(opened: number): number;
}

/** Undefined for a job that promises nothing. */
export function jobEpsilon(manifest: JobManifest): JobEpsilon | undefined {
  const privacy = jobPrivacy(manifest);
  const { privacy: stated } = manifest;
  if (!privacy || !stated) return undefined;
  const { unit, delta, times, round } = privacy;
  const { centralNoise } = stated;
  // With trees a unit is in each of them once.
  const inTree = centralNoise?.type === 'gaussianTree' ? centralNoise.rounds : 1;
  const cost = costOfRounds(privacy);
  return {
    ...{ unit, delta, mechanism: mechanismOf(round), promised: cost(times) },
    stated: stated.epsilonServer ?? stated.epsilonModel,
    after: (opened) => cost(Math.ceil(opened / inTree)),
  };
}

function mechanismOf(event: DpEvent): string {
  switch (event.type) {
    case 'compose':
      return event.events[0] ? mechanismOf(event.events[0]) : event.type;
    case 'poisson':
    case 'repeat':
      return mechanismOf(event.event);
    default:
      return event.type;
  }
}
