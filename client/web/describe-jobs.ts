/** What the jobs of a federation would compute and send, before a person takes part. */
import { updateBytes } from '../../protocol/ring/payload.ts';
import { hasEnded } from '../../protocol/round.ts';
import type { JobStatus } from '../../schemas/job.ts';
import type { CoordinatorApi } from '../coordinator-api.ts';
import { VISIBLE } from '../egress.ts';
import type { Description } from './consent.ts';

/** Jobs that are described: more than a person reads. */
const DESCRIBED = 20;

/** Of the jobs that are not over, newest first. */
export async function describeJobs(api: CoordinatorApi): Promise<Description['jobs']> {
  const { jobs } = await api.call('listJobs', {});
  const open = jobs.filter((job) => !hasEnded(job)).slice(0, DESCRIBED);
  const all = open.map(({ jobId }) => api.call('getJob', { params: { jobId }, query: {} }));
  return (await Promise.all(all)).map(describeJob);
}

function describeJob({ jobId, manifest }: JobStatus): Description['jobs'][number] {
  const { name, purpose, rounds, parameters, codec, privacyUnit, privacy, aggregation } = manifest;
  return {
    jobId,
    name,
    purpose,
    rounds,
    parameters,
    updateBytes: updateBytes(manifest),
    clipNorm: codec.clipNorm,
    ...(codec.adaptive && { isClipAdaptive: true as const }),
    privacyUnit,
    ...(privacy && {
      privacy: {
        epsilon: privacy.epsilonServer ?? privacy.epsilonModel,
        delta: privacy.delta,
        trustsCoordinator: privacy.centralNoise !== undefined,
      },
    }),
    visibleAs: VISIBLE[aggregation],
  };
}
