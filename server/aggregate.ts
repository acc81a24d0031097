/**
 * From sealed updates to the next model: the coordinator's half of a round, top to bottom. SPEC.md sections 5 and 7.
 * Its mirror is `client/contribute.ts`.
 *
 *   stored updates -> exact sum in the ring (-> masks taken away) (-> noise) -> mean -> strategy -> stored model, not yet
 *   released
 *
 * Everything here but noise follows from the stored bytes: whoever holds them arrives at the same model, to the bit.
 */
import { utf8 } from '../protocol/bytes.ts';
import { canonicalJson } from '../protocol/canonical.ts';
import { codecOfRound, openedFraction } from '../protocol/dp/adaptive-clip.ts';
import { clipNormOf } from '../protocol/past-rounds.ts';
import type { Signer } from '../protocol/primitives.ts';
import { HanseError } from '../protocol/problem.ts';
import { l2Norm } from '../protocol/ring/clip.ts';
import { rotationSeed } from '../protocol/ring/rotation-seed.ts';
import { openIntegers, type RingSum } from '../protocol/ring/sum.ts';
import type { UpdateIntegers } from '../protocol/ring/update.ts';
import type { JobState } from '../protocol/round-state.ts';
import { encodeSum } from '../protocol/secagg/model-chain.ts';
import type { SecureJob } from '../protocol/secagg/secure-phases.ts';
import type { StrategyState } from '../protocol/strategy/strategy.ts';
import { strategyOf } from '../protocol/strategy/strategy-of.ts';
import { encodeParameters, floatsOf, payloadOf } from '../protocol/vector.ts';
import type { Sha256 } from '../schemas/ids.ts';
import type { RoundClipping } from '../schemas/job.ts';
import { addCentralNoise, type NoiseSource, treeNonce } from './central-noise.ts';
import { recordOf } from './round-record.ts';
import type { SecureAttemptView } from './secure-attempt-view.ts';
import type { BlobStore } from './store/blob-store.ts';
import { unmaskedSum } from './unmasked-sum.ts';
import type { UpdateSum } from './update-sum.ts';

/** What a round has come to: stored, and not yet released. */
export interface AggregatedModel {
  readonly model: Sha256;
  readonly strategyState: Sha256 | null;
  readonly updates: number;
  readonly weight: number;
  /** L2 norm of the mean update, before the strategy. */
  readonly updateNorm: number;
  /** Where clipping is adaptive. */
  readonly clipping?: RoundClipping;
  /** Where aggregation is secure: the signed record, and the sum that was opened. */
  readonly record?: Sha256;
  readonly sum?: Sha256;
  /** Where the noise is that of a tree. */
  readonly treeNonce?: string;
}

/** What opens the sum of masked updates. */
export interface SecureAggregate {
  /** The same, its secrets opened. */
  readonly job: SecureJob;
  readonly view: SecureAttemptView;
  /** Of the coordinator. */
  readonly signer: Signer;
}

/**
 * @param job in the phase `aggregating`
 * @param noise  what the noise of a trusted coordinator is drawn from; unused without such
 * @param secure where the updates are masked
 * @throws `aggregateInvalid`, `ringOverflow`: the attempt is void; or what the blob store throws: try again
 */
export async function aggregate(
  job: JobState,
  sum: UpdateSum,
  blobs: BlobStore,
  noise: NoiseSource,
  secure?: SecureAggregate,
): Promise<AggregatedModel> {
  // 1. The accepted updates, added as integers: exact, and the same in any order. Masks that are left are taken
  // away; where the coordinator is trusted, it adds the noise; the mean is turned back, where updates were turned.
  const clipNorm = clipNormOf(job.manifest, job.history, job.round);
  const codec = codecOfRound(job.manifest.codec, clipNorm);
  const turn = codec.rotation && (await rotationSeed(job));
  const summed = await sum.over(job.accepted);
  const unmasked = secure && (await unmask(secure, summed));
  const noised = await withNoise(job, unmasked ?? summed.integers, noise);
  const published = noised?.integers ?? unmasked;
  const opened = published
    ? openIntegers(published, codec, job.accepted.size, turn)
    : summed.open(turn, codec);

  // 2. The model that the cohort started from, and what the strategy remembers of earlier rounds.
  const strategy = strategyOf(job.manifest.strategy);
  const model = floatsOf(payloadOf(await blobs.read(job.model)));
  const memory: StrategyState =
    job.strategyState === null
      ? strategy.init(model.length)
      : strategy.decode(payloadOf(await blobs.read(job.strategyState)), model.length);

  // 3. The next model.
  const next = strategy.apply(memory, model, opened.mean);
  const updateNorm = l2Norm(opened.mean);
  if (!Number.isFinite(updateNorm))
    throw new HanseError('aggregateInvalid', { reason: 'the norm of the mean update is beyond float64' });

  // 4. Both on disk before anybody hears of them. They become the model of the job when the round is released.
  const stored = await store(blobs, next.model);
  const memoryStored = strategy.isStateless ? null : await store(blobs, strategy.encode(next.state));
  const fraction = openedFraction(codec, opened);
  const recorded = secure && published && (await record(secure, published, blobs, stored, memoryStored));
  return {
    model: stored,
    strategyState: memoryStored,
    ...recorded,
    updates: opened.count,
    weight: opened.totalWeight,
    updateNorm,
    ...(noised?.nonce !== undefined && { treeNonce: noised.nonce }),
    ...(clipNorm !== undefined && fraction !== undefined && { clipping: { clipNorm, fraction } }),
  };
}

async function unmask(secure: SecureAggregate, masked: RingSum): Promise<UpdateIntegers> {
  return withSecrets(secure, (revealed) => unmaskedSum(secure.job, secure.view, masked, revealed));
}

/**
 * A copy with the noise of the coordinator, of which alone anything is stored; undefined where participants have added
 * theirs, or nobody.
 */
async function withNoise(
  { jobId, round, manifest, treeNonces }: JobState,
  { coordinates, secondBlock }: UpdateIntegers,
  source: NoiseSource,
): Promise<{ readonly integers: UpdateIntegers; readonly nonce?: string } | undefined> {
  const central = manifest.privacy?.centralNoise;
  if (!central) return undefined;
  const integers = { coordinates: coordinates.slice(), secondBlock };
  const nonce = central.type === 'gaussianTree' ? treeNonce(source.random) : undefined;
  const nonces = nonce === undefined ? [] : [...treeNonces, nonce];
  await addCentralNoise(integers.coordinates, central, { jobId, round, nonces }, source);
  return { integers, ...(nonce !== undefined && { nonce }) };
}

/** Stores the opened sum and the record of the round. */
async function record(
  secure: SecureAggregate,
  integers: UpdateIntegers,
  blobs: BlobStore,
  nextModel: Sha256,
  strategyState: Sha256 | null,
): Promise<{ readonly record: Sha256; readonly sum: Sha256 }> {
  const { job, view, signer } = secure;
  const sum = await put(blobs, encodeSum(job.manifest, integers));
  const signed = await withSecrets(secure, (revealed) =>
    recordOf(job, view, { revealed, sum, nextModel, strategyState }, signer),
  );
  return { record: await put(blobs, utf8(canonicalJson(signed))), sum };
}

/** What the answers open, for as long as it is used. */
async function withSecrets<Result>(
  { job, view }: SecureAggregate,
  use: (revealed: readonly Uint8Array[]) => Promise<Result>,
): Promise<Result> {
  const { revealed } = await view.open(job, job.secure.opened?.answers ?? []);
  try {
    return await use(revealed);
  } finally {
    for (const secret of revealed) secret.fill(0);
  }
}

async function store(blobs: BlobStore, values: Float32Array): Promise<Sha256> {
  return put(blobs, await encodeParameters(values));
}

async function put(blobs: BlobStore, content: Uint8Array): Promise<Sha256> {
  const { sha256 } = await blobs.put(content, { limitBytes: content.length });
  return sha256;
}
