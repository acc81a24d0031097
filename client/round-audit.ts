/**
 * A round that is over, with whatever of it can be checked without its updates. SPEC.md 11.8, 11.9.
 *
 * What the coordinator says of an attempt, its counts and moments, is its word alone; what the signed record says is
 * checked here: signatures of the participants, sets, consents, and that the next model follows from the sum.
 */
import { primitives } from '#primitives';
import { toHex, utf8 } from '../protocol/bytes.ts';
import { canonicalJson, canonicalSha256 } from '../protocol/canonical.ts';
import { attemptOfRound, checkedClipNorm, modelBefore } from '../protocol/past-rounds.ts';
import { HanseError } from '../protocol/problem.ts';
import { checkClipping, firstState, followRecord } from '../protocol/secagg/model-chain.ts';
import type { CheckedRecord } from '../protocol/secagg/record.ts';
import { checkRecordOf } from '../protocol/secagg/record-of-round.ts';
import { strategyOf } from '../protocol/strategy/strategy-of.ts';
import type { JobStatus, RoundSummary } from '../schemas/job.ts';
import type { SignedRecord } from '../schemas/secagg.ts';
import type { CoordinatorApi } from './coordinator-api.ts';
import type { Identity } from './identity.ts';
import { fetchModel, fetchSum } from './prepared-job.ts';

/** Whose signatures count. */
export type Pinned = Pick<Identity, 'federationId' | 'coordinatorKey'>;

export interface AuditedRecord {
  readonly signed: SignedRecord;
  readonly checked: CheckedRecord;
}

/** The job, its manifest checked against the hash by which it is known. @throws `jobUnknown`, `hashMismatch` */
export async function fetchJob(api: CoordinatorApi, jobId: string): Promise<JobStatus> {
  const job = await api.call('getJob', { params: { jobId }, query: {} });
  const got = await canonicalSha256(job.manifest);
  if (got !== job.manifestSha256)
    throw new HanseError('hashMismatch', { what: 'manifest', expected: job.manifestSha256, got });
  return job;
}

/**
 * The record of a released round.
 * @throws `recordInvalid`, also where it is another than the job names; `hashMismatch`
 */
export async function auditRecord(
  api: CoordinatorApi,
  { federationId, coordinatorKey }: Pinned,
  job: JobStatus,
  { round, attempt, secure, model }: RoundSummary,
): Promise<AuditedRecord> {
  const { jobId, manifest, manifestSha256 } = job;
  const signed = await api.call('getRecord', { params: { jobId, round: String(round) } });
  const got = toHex(await primitives.sha256(utf8(canonicalJson(signed))));
  if (got !== secure?.record)
    throw new HanseError('hashMismatch', { what: 'record', expected: secure?.record ?? 'none', got });
  const clipNorm = checkedClipNorm(manifest, job.rounds, round);
  const terms = { federationId, coordinatorKey, jobId, manifest, manifestSha256, round, attempt, clipNorm };
  const checked = await checkRecordOf(primitives, signed, {
    ...terms,
    model: modelBefore(manifest, job.rounds, round),
  });
  const { record } = signed;
  if (record.sum !== secure.sum || record.nextModel !== model)
    throw new HanseError('recordInvalid', { reason: 'the job names another sum or model than its record' });
  return { signed, checked };
}

/**
 * That the model which this round has released is what the strategy makes of the one before and the opened sum. Where
 * the strategy remembers earlier rounds, or the clip norm follows from them, those are gone through too, from the first on.
 * @returns the first round that was gone through
 * @throws `modelChainBroken`, and as `auditRecord` and the transport
 */
export async function checkModelChain(
  api: CoordinatorApi,
  pinned: Pinned,
  job: JobStatus,
  round: number,
): Promise<number> {
  const { manifest } = job;
  const { codec, parameters } = manifest;
  const from = strategyOf(manifest.strategy).isStateless && !codec.adaptive ? round : 1;
  let link = firstState(manifest, await fetchModel(modelBefore(manifest, job.rounds, from), parameters, api));
  for (let at = from; at <= round; at += 1) {
    const summary = attemptOfRound(job.rounds, at);
    if (!summary?.secure?.record)
      throw new HanseError('modelChainBroken', { round: at, reason: 'the job names no record of it' });
    const { record } = (await auditRecord(api, pinned, job, summary)).signed;
    const sum = await fetchSum(manifest, record, api);
    link = await followRecord(primitives, manifest, link, record, sum);
    checkClipping(manifest, summary, record, sum);
  }
  return from;
}
