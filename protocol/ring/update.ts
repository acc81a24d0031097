/**
 * A participant's update as integers of the ring. SPEC.md 5.3, 5.5.
 *
 *   delta -> turn -> clip to C -> times weight / weightMax -> divide by the grid, round at random -> pack -> second block
 *
 * The sum of such updates, times g * weightMax / (sum of weights), is the weighted mean of the clipped deltas. Where the
 * codec has no rotation nothing is turned. Lengths are taken after turning, so that privacy rests on what is rounded.
 *
 * Where the codec has noise, it is added to the integers, as many draws as coordinates, before they are packed: what is
 * opened later carries the noise of all.
 */
import type { Codec } from '../../schemas/codec.ts';
import type { Noise } from '../../schemas/privacy.ts';
import { noiseSampler } from '../dp/noise-sampler.ts';
import { HanseError } from '../problem.ts';
import type { RandomSource } from '../random.ts';
import { bytesOf } from '../vector.ts';
import { pack } from './bit-pack.ts';
import { clipFactor, l2Norm, largestMagnitude } from './clip.ts';
import { roundLotSum } from './lot-sum.ts';
import { checkTrailingBits, type Layout, layoutOf, readSecondBlock } from './payload.ts';
import { quantize, type TakeBlock } from './quantize.ts';
import { rotate } from './rotation.ts';
import { coordinateBound, levelsOf } from './width.ts';

/** What local training yields. */
export interface Contribution {
  /**
   * [d] trained parameters minus the parameters of the round; where the codec has a lot, minus the sum of the clipped
   * gradients of the lot, in float64.
   */
  readonly delta: Float32Array | Float64Array;
  /** 1..weightMax: the number of examples, or 1 where all count alike. */
  readonly weight: number;
  /** As many as the codec has, each in 0..weightMax; where clipping is adaptive, 1 for an update that is not clipped, else 0. */
  readonly counters: readonly number[];
  /** The seed of the attempt (`rotationSeed`), needed where the codec has a rotation, else ignored. */
  readonly rotationSeed?: Uint8Array;
}

/** The second block of an update. */
export type SecondBlock = Pick<Contribution, 'weight' | 'counters'>;

/** An update before it is packed, or a sum of such. */
export interface UpdateIntegers {
  /** [d] modulo 2^32, of which b bits count. */
  readonly coordinates: Int32Array;
  /** Weight and counters, modulo 2^32. */
  readonly secondBlock: Uint32Array;
}

/**
 * The integers of an update, to which masks may be added. Takes 4 bytes a coordinate, where `encodeUpdate` packs as it goes.
 * @param coordinates where they are written: d of any content; fresh ones if not given
 * Throws as `encodeUpdate`.
 */
export function updateIntegers(
  contribution: Contribution,
  codec: Codec,
  random: RandomSource,
  coordinates: Int32Array = new Int32Array(contribution.delta.length),
): UpdateIntegers {
  roundUpdate(contribution, codec, random, (block, start) => coordinates.set(block, start));
  return { coordinates, secondBlock: secondBlockOf(contribution, codec, random) };
}

/**
 * The payload of these integers.
 * @param words where it is written: as many as the layout has, of any content; fresh ones if not given
 */
export function packIntegers(
  { coordinates, secondBlock }: UpdateIntegers,
  codec: Codec,
  words: Uint32Array<ArrayBuffer> = new Uint32Array(layoutOf(codec, coordinates.length).payloadBytes / 4),
): Uint8Array<ArrayBuffer> {
  const { coordinateBytes } = layoutOf(codec, coordinates.length);
  pack(coordinates, codec.width, words);
  words.set(secondBlock, coordinateBytes / 4);
  return bytesOf(words);
}

/**
 * The payload of an update.
 * @param words where it is written: as many as the layout has, of any content; fresh ones if not given
 * Throws `trainingDiverged` if the delta is not finite, `updateMalformed` if weight or counters are out of range.
 */
export function encodeUpdate(
  contribution: Contribution,
  codec: Codec,
  random: RandomSource,
  words: Uint32Array<ArrayBuffer> = new Uint32Array(
    layoutOf(codec, contribution.delta.length).payloadBytes / 4,
  ),
): Uint8Array<ArrayBuffer> {
  const { delta } = contribution;
  const layout = layoutOf(codec, delta.length);
  if (words.length !== layout.payloadBytes / 4)
    throw new HanseError('invalidLength', {
      what: 'words of an update',
      expected: layout.payloadBytes / 4,
      got: words.length,
    });
  roundUpdate(contribution, codec, random, (coordinates, start) =>
    pack(coordinates, codec.width, words.subarray((start * codec.width) / 32)),
  );
  words.set(secondBlockOf(contribution, codec, random), layout.coordinateBytes / 4);
  return bytesOf(words);
}

function roundUpdate(contribution: Contribution, codec: Codec, random: RandomSource, take: TakeBlock): void {
  checkSecondBlock(contribution, codec);
  const { noise, lot, grid } = codec;
  const noisy = noise ? withNoise(noise, random, take) : take;
  if (lot) roundLotSum(contribution.delta, grid, lot.bound, random, noisy);
  else quantizeUpdate(contribution, codec, random, noisy);
}

/** A rounding that is tried again draws its noise again: what was drawn for the first one is never seen. */
function withNoise(noise: Noise, random: RandomSource, take: TakeBlock): TakeBlock {
  const sampler = noiseSampler(noise, random);
  return (coordinates, start) => {
    sampler.addTo(coordinates);
    take(coordinates, start);
  };
}

/** Weight and counters, modulo 2^32. Where clipping is adaptive, the bit as +-s under noise. */
function secondBlockOf(
  { weight, counters }: SecondBlock,
  { adaptive, noise }: Codec,
  random: RandomSource,
): Uint32Array {
  if (!adaptive) return Uint32Array.of(weight, ...counters);
  const [isWhole] = counters;
  const bit = Int32Array.of(isWhole === 1 ? adaptive.bitScale : -adaptive.bitScale);
  if (noise) noiseSampler(noise, random).addTo(bit);
  return Uint32Array.of(weight, bit[0] as number);
}

function quantizeUpdate(
  contribution: Contribution,
  codec: Codec,
  random: RandomSource,
  take: TakeBlock,
): void {
  const { weight } = contribution;
  const values = turned(contribution, codec);
  const norm = l2Norm(values);
  if (!Number.isFinite(norm)) throw new HanseError('trainingDiverged', { what: 'update' });
  let factor = clipFactor(norm, codec.clipNorm, values.length);
  // Without a rotation the bound is C and follows from the norm.
  if (codec.rotation)
    factor = Math.min(factor, clipFactor(largestMagnitude(values), coordinateBound(codec), 0));
  const scale = (factor * (weight / codec.weightMax)) / codec.grid;
  quantize(values, scale, levelsOf(codec, weight), random, take);
}

/** The delta itself, or a turned copy. Throws TypeError without a seed where one is needed: a defect, never input. */
function turned({ delta, rotationSeed }: Contribution, { rotation }: Codec): Float32Array {
  if (delta instanceof Float64Array) throw new TypeError('a sum of a lot, and the codec has none');
  if (!rotation) return delta;
  if (!rotationSeed) throw new TypeError('an update is to be turned, and the seed is missing');
  const values = delta.slice();
  rotate(values, rotation.block, rotationSeed);
  return values;
}

/** Bytes that `checkUpdateTail` reads at the end of a payload: the last word of the coordinates, the second block. */
export function tailBytes(layout: Layout): number {
  return 4 + 4 * layout.secondBlock;
}

/**
 * Reads the second block of an unmasked payload of the right size, of which only the end need be at hand.
 *
 * @param tail attacker-controlled: the last `tailBytes` of the payload
 * Throws `invalidLength` for a tail of another size, `updateMalformed` for set trailing bits and for numbers out of
 * range.
 */
export function checkUpdateTail(tail: Uint8Array, codec: Codec, layout: Layout): SecondBlock {
  if (tail.length !== tailBytes(layout))
    throw new HanseError('invalidLength', {
      what: 'tail of an update',
      expected: tailBytes(layout),
      got: tail.length,
    });
  checkTrailingBits(tail, layout);
  const [weight = 0, ...counters] = readSecondBlock(tail.subarray(4));
  // Of a bit under noise nothing can be said.
  checkSecondBlock({ weight, counters: codec.adaptive ? counters.map(() => 0) : counters }, codec);
  return { weight, counters };
}

function checkSecondBlock({ weight, counters }: SecondBlock, codec: Codec): void {
  if (counters.length !== codec.counters)
    throw new HanseError('updateMalformed', {
      field: 'counters',
      expected: String(codec.counters),
      got: String(counters.length),
    });
  expectInteger('weight', 1, codec.weightMax, weight);
  for (const counter of counters) expectInteger('counter', 0, codec.weightMax, counter);
}

function expectInteger(field: string, min: number, max: number, got: number): void {
  if (!Number.isInteger(got) || got < min || got > max)
    throw new HanseError('updateMalformed', { field, expected: `${min}..${max}`, got: String(got) });
}
