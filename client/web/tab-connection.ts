/**
 * A tab's line to its coordinator, and what may be asked over it before taking part.
 */
import { primitives } from '#primitives';
import type { Signer } from '../../protocol/primitives.ts';
import type { HanseError } from '../../protocol/problem.ts';
import { layoutOf } from '../../protocol/ring/payload.ts';
import { HEADER_BYTES } from '../../protocol/vector.ts';
import type { JobPhase, JobStatus } from '../../schemas/job.ts';
import type { CoordinatorApi } from '../coordinator-api.ts';
import { VISIBLE } from '../egress.ts';
import { connectSigner } from '../enrol.ts';
import type { Membership } from '../membership.ts';
import { DEFAULT_PAUSES, retryingCoordinator } from '../retrying-coordinator.ts';
import type { Description } from './consent.ts';
import type { TabPlatform } from './tab-platform.ts';

/** Jobs that are described: more than a person reads. */
const DESCRIBED = 20;

const OVER: ReadonlySet<JobPhase> = new Set(['finished', 'failed', 'cancelled']);

export interface LineOptions {
  readonly signal?: AbortSignal;
  /** Told before every pause. */
  readonly onRetry?: (problem: HanseError) => void;
}

/** @throws as `connectSigner` */
export function connectTab(
  member: Membership,
  signer: Signer,
  { clock, exchange }: Pick<TabPlatform, 'clock' | 'exchange'>,
  { signal, onRetry = () => {} }: LineOptions = {},
): Promise<CoordinatorApi> {
  const around = (api: CoordinatorApi) =>
    retryingCoordinator(api, { clock, random: primitives.random, ...DEFAULT_PAUSES, onRetry });
  return connectSigner(member, signer, clock, { exchange, ...(signal ? { signal, around } : {}) });
}

/** Of the jobs that are not over, newest first. */
export async function describeJobs(api: CoordinatorApi): Promise<Description['jobs']> {
  const { jobs } = await api.call('listJobs', {});
  const open = jobs.filter(({ phase }) => !OVER.has(phase)).slice(0, DESCRIBED);
  const all = open.map(({ jobId }) => api.call('getJob', { params: { jobId }, query: {} }));
  return (await Promise.all(all)).map(describeJob);
}

function describeJob({ jobId, manifest }: JobStatus): Description['jobs'][number] {
  const { name, purpose, rounds, parameters, codec, privacyUnit, aggregation } = manifest;
  return {
    jobId,
    name,
    purpose,
    rounds,
    parameters,
    updateBytes: HEADER_BYTES + layoutOf(codec, parameters).payloadBytes,
    clipNorm: codec.clipNorm,
    privacyUnit,
    visibleAs: VISIBLE[aggregation],
  };
}
