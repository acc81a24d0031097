/**
 * Model r + 1 is what the strategy makes of model r and the opened sum: a participant makes it itself, in place of
 * believing one. SPEC.md 11.9. So is clip norm r + 1 of clip norm r and the count in that sum, where clipping is adaptive: 12.10.
 *
 * A coordinator that wants to give out a model of its own making has to publish, signed, a sum that leads to it, which
 * whoever holds the masked updates can refute.
 */
import type { JobManifest, RoundClipping, RoundSummary } from '../../schemas/job.ts';
import type { RoundRecord } from '../../schemas/secagg.ts';
import { concatBytes, hexBytes, toHex } from '../bytes.ts';
import { canonicalJson } from '../canonical.ts';
import { clipRuleOf, codecOfRound, nextClipNorm, openedFraction } from '../dp/adaptive-clip.ts';
import type { Primitives } from '../primitives.ts';
import { HanseError } from '../problem.ts';
import { layoutOf, readSecondBlock } from '../ring/payload.ts';
import { rotationSeed } from '../ring/rotation-seed.ts';
import { openPacked, type PackedSum } from '../ring/sum.ts';
import { packIntegers, type UpdateIntegers } from '../ring/update.ts';
import type { StrategyState } from '../strategy/strategy.ts';
import { strategyOf } from '../strategy/strategy-of.ts';
import { encodeHeader, encodeParameters, parseHeader, payloadOf, wordsOf } from '../vector.ts';
import { decodeSet } from './members.ts';

/** A model and what the strategy remembers with it. */
export interface ModelState {
  /** [d] */
  readonly model: Float32Array;
  readonly state: StrategyState;
  /** C of the round that starts from it; undefined unless clipping is adaptive. */
  readonly clipNorm: number | undefined;
}

/** Before the first round. @param model [d] */
export function firstState({ strategy, codec }: JobManifest, model: Float32Array): ModelState {
  const clipNorm = codec.adaptive && codec.clipNorm;
  return { model, state: strategyOf(strategy).init(model.length), clipNorm };
}

/** The state of the strategy from its stored bytes. Throws `invalidLength`. */
export function stateOf({ strategy, parameters }: JobManifest, stored: Uint8Array): StrategyState {
  return strategyOf(strategy).decode(payloadOf(stored), parameters);
}

/**
 * What the sum of a round tells of lengths; undefined unless clipping is adaptive.
 * @param sum as of `nextState`
 * @throws `updateMalformed`, `invalidLength`, `recordInvalid`
 */
export function openedClipping(
  manifest: JobManifest,
  record: RoundRecord,
  sum: Uint8Array,
): RoundClipping | undefined {
  return manifest.codec.adaptive && clippingOf(manifest, record, parseSum(manifest, sum));
}

function clippingOf(
  { codec }: JobManifest,
  record: RoundRecord,
  { secondBlock }: PackedSum,
): RoundClipping | undefined {
  const { clipNorm } = record.descriptor.descriptor;
  const [, ...counters] = secondBlock;
  const fraction = openedFraction(codec, { counters, count: survivorsOf(record) });
  return clipNorm === undefined || fraction === undefined ? undefined : { clipNorm, fraction };
}

/**
 * That a job tells the clip norm and the clip count of the record, from which the clip norms of later rounds follow.
 * @param summary attacker-controlled @param sum as of `nextState`
 * @throws `modelChainBroken`; as `openedClipping`
 */
export function checkClipping(
  manifest: JobManifest,
  { round, clipping: told }: Pick<RoundSummary, 'round' | 'clipping'>,
  record: RoundRecord,
  sum: Uint8Array,
): void {
  const [opened, claimed] = [openedClipping(manifest, record, sum), told].map((clipping) =>
    canonicalJson(clipping ?? null),
  );
  if (opened === claimed) return;
  const reason = `its sum has a clip count of ${opened}, and the job tells ${claimed}`;
  throw new HanseError('modelChainBroken', { round, reason });
}

function survivorsOf({ survivors, roster }: RoundRecord): number {
  const members = decodeSet(hexBytes(survivors), roster.members.length);
  if (!members) throw new HanseError('recordInvalid', { reason: 'its survivors are no set of its roster' });
  return members.length;
}

/**
 * @param sum the stored sum; attacker-controlled, though of the hash that the record names
 * @throws `modelChainBroken`
 */
export async function nextState(
  manifest: JobManifest,
  { model, state, clipNorm }: ModelState,
  record: RoundRecord,
  sum: Uint8Array,
): Promise<ModelState> {
  const { descriptor } = record.descriptor;
  const { round } = descriptor;
  if (descriptor.clipNorm !== clipNorm) {
    const reason = `its clip norm is ${descriptor.clipNorm}, and ${clipNorm} follows from the counts before it`;
    throw new HanseError('modelChainBroken', { round, reason });
  }
  try {
    const turn = manifest.codec.rotation && (await rotationSeed(descriptor));
    const { parameters } = manifest;
    const codec = codecOfRound(manifest.codec, clipNorm);
    const packed = parseSum(manifest, sum);
    const mean = openPacked(packed, parameters, codec, survivorsOf(record), turn);
    const next = strategyOf(manifest.strategy).apply(state, model, mean);
    const clipping = clippingOf(manifest, record, packed);
    return { model: next.model, state: next.state, clipNorm: clipNormAfter(manifest, clipping) };
  } catch (cause) {
    const reason = `the sum of the record cannot be applied: ${(cause as Error).message}`;
    throw new HanseError('modelChainBroken', { round, reason }, { cause });
  }
}

/** C of the next round. */
function clipNormAfter({ codec }: JobManifest, clipping: RoundClipping | undefined): number | undefined {
  const rule = clipRuleOf(codec);
  return rule && clipping && nextClipNorm(clipping.clipNorm, clipping.fraction, rule);
}

/**
 * The next model, which is the one that the record names: it was released.
 * @param sum as of `nextState`
 * @throws `modelChainBroken`
 */
export async function followRecord(
  primitives: Pick<Primitives, 'sha256'>,
  manifest: JobManifest,
  before: ModelState,
  record: RoundRecord,
  sum: Uint8Array,
): Promise<ModelState> {
  const next = await nextState(manifest, before, record, sum);
  if (toHex(await primitives.sha256(await encodeParameters(next.model))) === record.nextModel) return next;
  const { round } = record.descriptor.descriptor;
  const reason = 'its sum leads to another model than it says';
  throw new HanseError('modelChainBroken', { round, reason });
}

/** The opened sum of a round as it is stored, and as a record names it: a vector like an update. */
export function encodeSum(
  { codec, parameters: length }: Pick<JobManifest, 'codec' | 'parameters'>,
  integers: UpdateIntegers,
): Uint8Array {
  const { width, secondBlock } = layoutOf(codec, length);
  const header = encodeHeader({ kind: 'update', width, length, secondBlock });
  return concatBytes(header, packIntegers(integers, codec));
}

/**
 * The parts of a stored sum; its words are copied only where they are not aligned.
 * @throws `updateMalformed`, `invalidLength`
 */
export function parseSum({ codec, parameters }: JobManifest, sum: Uint8Array): PackedSum {
  const layout = layoutOf(codec, parameters);
  const limits = { maxLength: parameters, maxSecondBlock: layout.secondBlock };
  const header = parseHeader(sum, limits);
  if (header.kind !== 'update' || header.width !== codec.width || header.length !== parameters)
    throw new HanseError('updateMalformed', {
      field: 'sum',
      expected: `${parameters} coordinates of ${codec.width} bits`,
      got: `${header.length} of ${header.width}`,
    });
  const payload = payloadOf(sum);
  return {
    words: wordsOf(payload.subarray(0, layout.coordinateBytes)),
    secondBlock: Uint32Array.from(readSecondBlock(payload.subarray(layout.coordinateBytes))),
  };
}
