/**
 * One aggregated round of a log, from what its entry names: SPEC.md 13.8. The record is that of this round and sound, the sum that
 * of the masked updates, the model what the strategy makes of it; of a plain round, what it makes of the updates themselves. Bit
 * for bit, as far as there is what it takes.
 */
import { primitives } from '#primitives';
import type { JobManifest } from '../../schemas/job.ts';
import { type RoundRecord, SignedRecord } from '../../schemas/secagg.ts';
import { equalBytes, toHex, utf8 } from '../bytes.ts';
import { canonicalJson } from '../canonical.ts';
import { clipRuleOf, codecOfRound, nextClipNorm, openedFraction } from '../dp/adaptive-clip.ts';
import { parseJson } from '../parse.ts';
import { HanseError, isProblem } from '../problem.ts';
import { layoutOf, updateBytes } from '../ring/payload.ts';
import { rotationSeed } from '../ring/rotation-seed.ts';
import { RingSum } from '../ring/sum.ts';
import { followRecord, type ModelState, parseSum } from '../secagg/model-chain.ts';
import { recomputeSum } from '../secagg/recompute.ts';
import type { CheckedRecord } from '../secagg/record.ts';
import { checkRecordOf } from '../secagg/record-of-round.ts';
import { strategyOf } from '../strategy/strategy-of.ts';
import { encodeParameters, parseHeader, payloadOf } from '../vector.ts';
import { contentOf, findContent, type LogSource } from './log-source.ts';
import type { LoggedAttempt } from './logged-job.ts';

/** Of ten thousand members, each with the sets and signatures that it may have. */
const RECORD_BYTES_MAX = 1 << 26;

/** What a round is checked by. */
export interface RoundContext {
  readonly source: Pick<LogSource, 'content'>;
  readonly federationId: string;
  /** Hex. */
  readonly coordinatorKey: string;
  readonly jobId: string;
  readonly manifest: JobManifest;
  readonly manifestSha256: string;
  /** SHA-256 of the model that the round starts from. */
  readonly model: string;
  /** The same with what belongs to it; undefined where nobody can make it. */
  readonly before: ModelState | undefined;
}

export interface RoundOutcome {
  readonly recomputed: true | 'notRecomputable';
  /** Updates that are gone. */
  readonly removed: number;
  /** Undefined where it cannot be made. */
  readonly next: ModelState | undefined;
  /** SHA-256 of the opened sum; null where none is kept. */
  readonly sum: string | null;
}

/**
 * @param attempt that was aggregated
 * @throws contentMissing, hashMismatch, recordInvalid, modelChainBroken, leafContradicts; what of sums and updates has another form
 */
export function auditRound(attempt: LoggedAttempt, context: RoundContext): Promise<RoundOutcome> {
  return context.manifest.aggregation === 'secure'
    ? auditSecure(attempt, context)
    : auditPlain(attempt, context);
}

async function auditSecure(attempt: LoggedAttempt, context: RoundContext): Promise<RoundOutcome> {
  const { source, manifest, before } = context;
  const { record: recordSha256, sum, model, updates, weight } = aggregatedOf(attempt);
  if (recordSha256 === undefined || sum === undefined)
    throw contradicts('it is of a secure round, and names no record or no sum');
  const bytes = await contentOf(source, 'record', recordSha256, RECORD_BYTES_MAX);
  const signed = parseRecord(bytes);
  const { round, attempt: number } = attempt;
  const clipNorm = before ? before.clipNorm : signed.record.descriptor.descriptor.clipNorm;
  const checked = await checkRecordOf(primitives, signed, { ...context, round, attempt: number, clipNorm });
  const { record } = signed;
  if (record.sum !== sum || record.nextModel !== model)
    throw contradicts('its record has another sum or model');
  requireAccepted(record, attempt);
  const opened = await contentOf(source, 'opened sum', sum, updateBytes(manifest));
  const [totalWeight] = parseSum(manifest, opened).secondBlock;
  if (updates !== checked.survivors.length || weight !== totalWeight)
    throw contradicts('its record has another number of updates, or its sum another weight');
  const next = before && (await followRecord(primitives, manifest, before, record, opened));
  if (next) await requireState(manifest, next, record);
  return { ...(await recomputedFrom(record, checked, attempt, context)), next, sum };
}

/** The canonical form of a record of its schema. Throws recordInvalid. */
function parseRecord(bytes: Uint8Array): SignedRecord {
  try {
    const signed = parseJson(SignedRecord, new TextDecoder().decode(bytes), 'record');
    if (equalBytes(utf8(canonicalJson(signed)), bytes)) return signed;
  } catch (cause) {
    if (!isProblem(cause, 'invalidFormat')) throw cause;
    throw new HanseError('recordInvalid', { reason: cause.message }, { cause });
  }
  throw new HanseError('recordInvalid', { reason: 'it is not in its canonical form' });
}

/** That each update of the record was taken down when it came, as often as it is in the sum. */
function requireAccepted({ updates }: RoundRecord, { accepted }: LoggedAttempt): void {
  const left = new Map<string, number>();
  for (const sha256 of accepted) left.set(sha256, (left.get(sha256) ?? 0) + 1);
  for (const { sha256 } of updates) {
    const count = left.get(sha256) ?? 0;
    if (count === 0) throw contradicts(`its record has the update ${sha256}, of which no entry tells`);
    left.set(sha256, count - 1);
  }
}

async function requireState(manifest: JobManifest, next: ModelState, record: RoundRecord): Promise<void> {
  const strategy = strategyOf(manifest.strategy);
  const got = strategy.isStateless ? null : await hashOfVector(strategy.encode(next.state));
  if (got === record.strategyState) return;
  const { round } = record.descriptor.descriptor;
  const reason = 'its sum leads to another state of the strategy than it says';
  throw new HanseError('modelChainBroken', { round, reason });
}

/** Noise that the coordinator has added is in no update. */
async function recomputedFrom(
  record: RoundRecord,
  checked: CheckedRecord,
  { round }: LoggedAttempt,
  { source, manifest }: RoundContext,
): Promise<Recomputed> {
  if (manifest.privacy?.centralNoise) return { recomputed: 'notRecomputable', removed: 0 };
  const updates = updatesOf(
    record.updates.map(({ sha256 }) => sha256),
    round,
    { source, manifest },
  );
  const { made: _, ...recomputed } = await unlessGone(() =>
    recomputeSum(primitives, manifest, record, checked, updates),
  );
  return recomputed;
}

async function auditPlain(attempt: LoggedAttempt, context: RoundContext): Promise<RoundOutcome> {
  const { manifest, before } = context;
  const { record, sum, updates } = aggregatedOf(attempt);
  if (record !== undefined || sum !== undefined)
    throw contradicts('it is of a plain round, and names a record');
  if (updates !== attempt.accepted.length)
    throw contradicts('it has another number of updates than there are entries of them');
  if (!before || manifest.privacy?.centralNoise)
    return { recomputed: 'notRecomputable', removed: 0, next: undefined, sum: null };
  const { made: next, ...recomputed } = await unlessGone(() => plainModel(attempt, context, before));
  return { ...recomputed, next, sum: null };
}

/** The next model, from the updates. Throws notRecomputable, modelChainBroken. */
async function plainModel(
  attempt: LoggedAttempt,
  context: RoundContext,
  { model, state, clipNorm }: ModelState,
): Promise<ModelState> {
  const { manifest } = context;
  const { round } = attempt;
  const expected = aggregatedOf(attempt);
  const codec = codecOfRound(manifest.codec, clipNorm);
  const ring = new RingSum(manifest.codec, manifest.parameters);
  for await (const update of updatesOf(attempt.accepted, round, context)) ring.add(payloadOf(update));
  const turn = codec.rotation && (await rotationSeed({ ...context, ...attempt }));
  const opened = ring.open(turn, codec);
  if (opened.totalWeight !== expected.weight) throw contradicts('its updates have another weight');
  const next = strategyOf(manifest.strategy).apply(state, model, opened.mean);
  if ((await hashOfVector(next.model)) !== expected.model)
    throw new HanseError('modelChainBroken', {
      round,
      reason: 'its updates lead to another model than it says',
    });
  const [rule, fraction] = [clipRuleOf(codec), openedFraction(codec, opened)];
  const after = rule && clipNorm !== undefined && fraction !== undefined;
  return { ...next, clipNorm: after ? nextClipNorm(clipNorm, fraction, rule) : undefined };
}

/** @throws notRecomputable where some are gone, hashMismatch */
async function* updatesOf(
  hashes: readonly string[],
  round: number,
  { source, manifest }: Pick<RoundContext, 'source' | 'manifest'>,
): AsyncGenerator<Uint8Array> {
  const { secondBlock } = layoutOf(manifest.codec, manifest.parameters);
  const limitBytes = updateBytes(manifest);
  let removed = 0;
  for (const sha256 of hashes) {
    const update = await findContent(source, 'update', sha256, limitBytes);
    if (!update) removed += 1;
    // Of the others it is only asked whether they are there, too.
    if (!update || removed > 0) continue;
    parseHeader(update, { maxLength: manifest.parameters, maxSecondBlock: secondBlock });
    yield update;
  }
  if (removed > 0) throw new HanseError('notRecomputable', { round, removed });
}

type Recomputed = Pick<RoundOutcome, 'recomputed' | 'removed'>;

async function unlessGone<Made>(make: () => Promise<Made>): Promise<Recomputed & { readonly made?: Made }> {
  try {
    return { made: await make(), recomputed: true, removed: 0 };
  } catch (error) {
    if (!isProblem(error, 'notRecomputable')) throw error;
    return { recomputed: 'notRecomputable', removed: error.detail.removed };
  }
}

function aggregatedOf({ aggregated }: LoggedAttempt): NonNullable<LoggedAttempt['aggregated']> {
  if (!aggregated) throw new RangeError('the attempt was not aggregated');
  return aggregated;
}

/** As it is stored. */
async function hashOfVector(values: Float32Array): Promise<string> {
  return toHex(await primitives.sha256(await encodeParameters(values)));
}

function contradicts(reason: string): HanseError<'leafContradicts'> {
  return new HanseError('leafContradicts', { reason });
}
