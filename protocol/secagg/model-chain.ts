/**
 * Model r + 1 is what the strategy makes of model r and the opened sum: a participant makes it itself, in place of
 * believing one. SPEC.md 11.9. So is clip norm r + 1 of clip norm r and the count in that sum, where clipping is adaptive: 12.10.
 *
 * A coordinator that wants to give out a model of its own making has to publish, signed, a sum that leads to it, which
 * whoever holds the masked updates can refute.
 */
import type { JobManifest, RoundSummary } from '../../schemas/job.ts';
import type { RoundRecord } from '../../schemas/secagg.ts';
import { concatBytes, hexBytes, toHex } from '../bytes.ts';
import { codecOfRound, nextClipNorm, openedFraction } from '../dp/adaptive-clip.ts';
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
 * What the sum of a round tells of lengths: C of the round, and the noised share of updates within it; undefined unless clipping
 * is adaptive.
 * @param sum as of `nextState`
 * @throws `updateMalformed`, `invalidLength`
 */
export function openedClipping(
  manifest: JobManifest,
  record: RoundRecord,
  sum: Uint8Array,
): RoundSummary['clipping'] {
  const { clipNorm } = record.descriptor.descriptor;
  if (!manifest.codec.adaptive || clipNorm === undefined) return undefined;
  const { secondBlock } = parseSum(manifest, sum);
  const fraction = openedFraction(manifest.codec, secondBlock, survivorsOf(record));
  return fraction === undefined ? undefined : { clipNorm, fraction };
}

function survivorsOf({ survivors, roster }: RoundRecord): number {
  return decodeSet(hexBytes(survivors), roster.members.length)?.length ?? 0;
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
    const mean = openPacked(parseSum(manifest, sum), parameters, codec, survivorsOf(record), turn);
    const next = strategyOf(manifest.strategy).apply(state, model, mean);
    const clipping = openedClipping(manifest, record, sum);
    return { model: next.model, state: next.state, clipNorm: clipNormAfter(manifest, clipping) };
  } catch (cause) {
    const reason = `the sum of the record cannot be applied: ${(cause as Error).message}`;
    throw new HanseError('modelChainBroken', { round, reason }, { cause });
  }
}

/** C of the next round. */
function clipNormAfter(
  { codec: { adaptive, clipNorm: initial } }: JobManifest,
  clipping: RoundSummary['clipping'],
): number | undefined {
  if (!adaptive || !clipping) return undefined;
  return nextClipNorm(clipping.clipNorm, clipping.fraction, { ...adaptive, initial });
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
