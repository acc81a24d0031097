/**
 * Making a job of a question to several owners, and reading the answer out of it. SPEC.md 12.7.
 */
import { primitives } from '#primitives';
import { toHex } from '../protocol/bytes.ts';
import { checkPrivacy, statedEpsilon } from '../protocol/dp/check-privacy.ts';
import { epsilonOfJob } from '../protocol/dp/job-privacy.ts';
import { withFittingGrid } from '../protocol/dp/statistics/fitting-grid.ts';
import { openStatistics } from '../protocol/dp/statistics/secure-statistic.ts';
import {
  fixedTerms,
  planOfManifest,
  planOfStatistic,
  type StatisticUnit,
} from '../protocol/dp/statistics/statistic-job.ts';
import { attemptOfRound } from '../protocol/past-rounds.ts';
import { HanseError } from '../protocol/problem.ts';
import { unpack } from '../protocol/ring/bit-pack.ts';
import { checkSecureTerms } from '../protocol/secagg/descriptor.ts';
import { parseSum } from '../protocol/secagg/model-chain.ts';
import { encodeParameters } from '../protocol/vector.ts';
import { isStatistic, type JobManifest, type JobStatus, type StatisticManifest } from '../schemas/job.ts';
import type { StatisticAnswer } from '../schemas/statistic-question.ts';
import type { AuthoredJob } from './author-job.ts';
import type { CoordinatorApi } from './coordinator-api.ts';
import { fetchSum } from './prepared-job.ts';
import { auditRecord, type Pinned } from './round-audit.ts';

/** What is asked, of whom, and within which time. */
export interface StatisticPlan
  extends Pick<StatisticManifest, 'name' | 'purpose' | 'statistic' | 'cohort' | 'deadlines' | 'maxAttempts'> {
  readonly unit: StatisticUnit;
  readonly delta: number;
  readonly secureAggregation: NonNullable<JobManifest['secureAggregation']>;
}

/** As `AuthoredJob`. */
export interface AuthoredStatistic {
  readonly manifest: StatisticManifest;
  readonly blobs: AuthoredJob['blobs'];
}

/**
 * A question that leaves its grid out is given one.
 * @throws `statisticRefused`, `noiseTableTooLarge`; `manifestInvalid` if no round of such a cohort can be secure
 */
export async function authorStatistic(plan: StatisticPlan, federationId: string): Promise<AuthoredStatistic> {
  const { unit, delta, secureAggregation, ...stated } = plan;
  const asked = { ...stated, aggregation: 'secure', secureAggregation } as const;
  checkSecureTerms(asked);
  const question = withFittingGrid(asked, delta);
  const terms = { ...asked, statistic: { ...stated.statistic, question } };
  const planned = planOfStatistic(terms, delta);
  const epsilon = statedEpsilon(epsilonOfJob(planned.event, delta));
  const zeros = await encodeParameters(new Float32Array(planned.dimension));
  const initialModel = toHex(await primitives.sha256(zeros));
  const manifest: StatisticManifest = {
    ...{ manifestVersion: 1, kind: 'statistic', federationId },
    ...terms,
    ...fixedTerms(planned),
    ...{ privacyUnit: unit, privacy: { delta, epsilonServer: epsilon, epsilonModel: epsilon } },
    initialModel,
  };
  checkPrivacy(manifest);
  return { manifest, blobs: [{ sha256: initialModel, bytes: zeros }] };
}

/** The answer, up to its noise. */
export interface OpenedStatistic extends StatisticAnswer {
  /** Whose counts are in the sum. */
  readonly owners: number;
}

/**
 * The answer in the opened sum, which is the one of the signed record.
 * @param job has finished
 * @throws `usage` for a training, `roundUnknown` for one without a released round; as `auditRecord` and the transport
 */
export async function openedStatistic(
  api: CoordinatorApi,
  pinned: Pinned,
  job: JobStatus,
): Promise<OpenedStatistic> {
  const { manifest } = job;
  if (!isStatistic(manifest)) throw new HanseError('usage', { reason: `${job.jobId} is no statistic` });
  const summary = attemptOfRound(job.rounds, 1);
  if (!summary?.secure?.record)
    throw new HanseError('roundUnknown', { jobId: job.jobId, round: 1, attempt: 1 });
  const { signed, checked } = await auditRecord(api, pinned, job, summary);
  const { codec, parameters } = manifest;
  const sum = parseSum(manifest, await fetchSum(manifest, signed.record, api));
  const coordinates = new Int32Array(parameters);
  unpack(sum.words, codec.width, coordinates);
  const owners = checked.survivors.length;
  const answer = openStatistics(planOfManifest(manifest), coordinates, owners);
  return { ...answer, owners };
}
