/**
 * A released round, made again from what a data directory keeps, by whoever has the host of the coordinator: its record
 * checked, its updates summed, its model derived. SPEC.md 11.6, 11.8.
 *
 * Everything is only read, so the coordinator may be running. Of what it says itself one thing is believed: the key that
 * it has founded its federation with.
 */
import { existsSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { primitives } from '#primitives';
import { parseJson } from '../protocol/parse.ts';
import { attemptOfRound, clipNormOf, modelBefore } from '../protocol/past-rounds.ts';
import { systemClock } from '../protocol/primitives/system-clock.ts';
import { HanseError } from '../protocol/problem.ts';
import type { JobState } from '../protocol/round-state.ts';
import { checkClipping, firstState, followRecord, stateOf } from '../protocol/secagg/model-chain.ts';
import { recomputeSum } from '../protocol/secagg/recompute.ts';
import type { CheckedRecord } from '../protocol/secagg/record.ts';
import { checkRecordOf } from '../protocol/secagg/record-of-round.ts';
import { floatsOf, payloadOf } from '../protocol/vector.ts';
import { FederationEvent } from '../schemas/federation-event.ts';
import type { JobManifest } from '../schemas/job.ts';
import { type RoundRecord, SignedRecord } from '../schemas/secagg.ts';
import type { VerifiedRound } from '../schemas/verified-round.ts';
import { EventStream } from './event-stream.ts';
import { FEDERATION_STREAM } from './federation.ts';
import { type FederationState, foldFederation, NO_FEDERATION } from './federation-state.ts';
import { openJobStream } from './job-stream.ts';
import type { BlobStore } from './store/blob-store.ts';
import { fileBlobReader } from './store/file-blob-store.ts';
import { openSqliteStore } from './store/sqlite-store.ts';
import type { Store } from './store/store.ts';

/** What is read; nothing of it is changed. */
export interface KeptContent {
  readonly store: Store;
  readonly blobs: Pick<BlobStore, 'has' | 'read'>;
}

/**
 * @param path of the data directory of a coordinator, which may be in use
 * @throws `dataDirMissing` if it is none, `storageFailed`, `storageCorrupt`, and as `verifyKept`
 */
export async function verifyDataDir(path: string, jobId: string, round: number): Promise<VerifiedRound> {
  const root = resolve(path);
  const database = join(root, 'hanse.sqlite');
  if (!existsSync(database)) throw new HanseError('dataDirMissing', { folder: root, lacks: 'hanse.sqlite' });
  const store = openSqliteStore(database, { readOnly: true });
  try {
    return await verifyKept({ store, blobs: fileBlobReader(join(root, 'blobs')) }, jobId, round);
  } finally {
    await store.close();
  }
}

/**
 * @throws `jobUnknown`; `roundUnknown` if it was not released, `roundPlain` if its aggregation is plain; `notRecomputable` if
 *   updates are gone; `recordInvalid`, `hashMismatch`, `modelChainBroken` if what is kept contradicts itself; what the
 *   stores throw
 */
export async function verifyKept(kept: KeptContent, jobId: string, round: number): Promise<VerifiedRound> {
  const { blobs } = kept;
  const job = await jobOf(kept, jobId);
  const { manifest, manifestSha256, history } = job;
  if (manifest.aggregation === 'plain') throw new HanseError('roundPlain', { jobId });
  const summary = attemptOfRound(history, round);
  const attempt = summary?.attempt ?? 1;
  if (!summary?.secure?.record) throw new HanseError('roundUnknown', { jobId, round, attempt });
  const signed = parseJson(SignedRecord, text(await blobs.read(summary.secure.record)), 'record');
  const { record } = signed;
  const model = modelBefore(manifest, history, round);
  const clipNorm = clipNormOf(manifest, history, round);
  const names = { jobId, manifest, manifestSha256, round, attempt, model, clipNorm };
  const terms = { ...(await federationOf(kept)), ...names };
  const checked = await checkRecordOf(primitives, signed, terms);

  // Noise that the coordinator has added is in no update.
  const recomputed = manifest.privacy?.centralNoise === undefined;
  if (recomputed) await recomputeFrom(record, checked, manifest, blobs);
  const opened = await blobs.read(record.sum);
  await checkModel(job, record, opened, blobs);
  checkClipping(manifest, summary, record, opened);
  const { sum, nextModel } = record;
  const survivors = checked.survivors.length;
  return { jobId, round, attempt, sum, model: nextModel, survivors, recomputed };
}

/** That the kept updates add up to the sum of the record. Throws `notRecomputable`, and as `recomputeSum`. */
async function recomputeFrom(
  record: RoundRecord,
  checked: CheckedRecord,
  manifest: JobManifest,
  blobs: KeptContent['blobs'],
): Promise<void> {
  let removed = 0;
  for (const { sha256 } of record.updates) if (!(await blobs.has(sha256))) removed += 1;
  const { round } = record.descriptor.descriptor;
  if (removed > 0) throw new HanseError('notRecomputable', { round, removed });
  await recomputeSum(primitives, manifest, record, checked, updatesOf(record, blobs));
}

async function* updatesOf({ updates }: RoundRecord, blobs: KeptContent['blobs']): AsyncIterable<Uint8Array> {
  for (const { sha256 } of updates) yield await blobs.read(sha256);
}

/** That the model which was released follows from the one before and the sum. Throws `modelChainBroken`. */
async function checkModel(
  job: JobState,
  record: RoundRecord,
  sum: Uint8Array,
  blobs: KeptContent['blobs'],
): Promise<void> {
  const { manifest, history } = job;
  const { round, model: sha256 } = record.descriptor.descriptor;
  const model = floatsOf(payloadOf(await blobs.read(sha256)));
  const before = attemptOfRound(history, round - 1)?.secure?.record;
  const { record: last } = before
    ? parseJson(SignedRecord, text(await blobs.read(before)), 'record')
    : { record: undefined };
  const state = last?.strategyState
    ? stateOf(manifest, await blobs.read(last.strategyState))
    : firstState(manifest, model).state;
  const clipNorm = clipNormOf(manifest, history, round);
  await followRecord(primitives, manifest, { model, state, clipNorm }, record, sum);
}

async function jobOf({ store }: KeptContent, jobId: string): Promise<JobState> {
  const { state } = await openJobStream(jobId, store, systemClock);
  if (!state) throw new HanseError('jobUnknown', { jobId });
  return state;
}

async function federationOf({ store }: KeptContent) {
  const { state } = await EventStream.open<FederationState, FederationEvent>(store, systemClock, {
    name: FEDERATION_STREAM,
    schema: FederationEvent,
    initial: NO_FEDERATION,
    fold: foldFederation,
  });
  const { federationId, coordinatorKey } = state;
  if (federationId === null || coordinatorKey === null)
    throw new HanseError('storageCorrupt', { path: FEDERATION_STREAM, reason: 'nobody has founded it' });
  return { federationId, coordinatorKey };
}

function text(bytes: Uint8Array): string {
  return new TextDecoder().decode(bytes);
}
