/** A job as policies see it. SPEC.md 4.10. */
import { hasEnded } from '../../protocol/round.ts';
import type { JobState } from '../../protocol/round-state.ts';
import type { JobResource } from './cedar-entities.ts';

/** By the set of nodes that a job has asked: it is another one once there are more. */
const asking = new WeakMap<JobState['asked'], ReadonlySet<string | undefined>>();

/** @param organisationOf a node, or whoever else creates jobs */
export function jobResource(job: JobState, organisationOf: (id: string) => string | undefined): JobResource {
  let organisations = asking.get(job.asked);
  if (!organisations) {
    organisations = new Set([...job.asked].map(organisationOf));
    asking.set(job.asked, organisations);
  }
  const asked = organisations;
  return {
    type: 'Job',
    id: job.jobId,
    author: organisationOf(job.createdBy) ?? '',
    hasAsked: (organisationId) => asked.has(organisationId),
    isOpen: !hasEnded(job),
    purpose: job.manifest.purpose,
  };
}
