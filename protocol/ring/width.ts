/**
 * Choosing width and grid so that no sum can wrap. SPEC.md 5.2.
 *
 * A clipped coordinate has at most P grid units, rounded at most floor(P) + 1: P = C/g, since one coordinate may have all
 * of the norm, or T/g where updates are turned first and no coordinate may exceed T. The sum over n participants must
 * stay in the signed range of the ring: n (floor(P) + 1) <= 2^(b-1) - 1. Sums over lots are cut to M instead, and noise is
 * reckoned with up to ten standard deviations: what is less likely than 2^-64 may wrap, which spoils a sum and no promise.
 * Weights and counters, at most weightMax each, must not wrap modulo 2^32: n * weightMax < 2^32.
 *
 * Why T: a rotation alone saves no bit, since the worst case of a turned coordinate is still C. T is what it exceeds in
 * one update of a million, and that update is scaled down as a whole, as clipping does, which keeps its direction. To
 * cut single coordinates would bias it; to let them wrap would spoil the sum and tell nobody.
 */
import type { Codec, Rotation } from '../../schemas/codec.ts';
import { HanseError } from '../problem.ts';
import { blockOf } from './rotation.ts';

/** Widths whose coordinates fill whole words in small groups; packing and summing them is fastest. */
export const FAST_WIDTHS: readonly number[] = [16, 24, 32];
/** Least grid units per clipNorm of a chosen width: rounding then moves a million coordinates by 3 % of C. */
export const LEVELS_WANTED = 16_384;
/** A million coordinates are turned in 15 ms; a block of a quarter saves 1 ms and costs a bit of each coordinate. */
const BLOCK = 262_144;
/** The odds against an update that has to be scaled down because of its rotation. */
const ODDS = 2 ** 20;
/** Noise beyond so many standard deviations is less likely than 2^-64. */
const NOISE_DEVIATIONS = 10;

/** Of an update, in units of the parameters. */
type Bounds = Pick<Codec, 'clipNorm' | 'rotation'>;

export interface CodecPlan {
  /** C > 0. */
  readonly clipNorm: number;
  /** n: the most updates that will ever be summed. */
  readonly cohortMax: number;
  readonly weightMax: number;
  readonly counters: number;
  /** 16..32; left out: the first of 16, 24, 32 with at least 16384 grid units per clipNorm, else 32. */
  readonly width?: number;
  /** d, where updates of d coordinates are to be turned; left out: they are not. */
  readonly rotated?: number;
}

/**
 * The codec with the finest grid whose sums fit. Throws `ringOverflow` if no grid does: that needs a cohort of more
 * than 2^(b-2), or weights whose sum reaches 2^32.
 */
export function planCodec(plan: CodecPlan): Codec {
  const { clipNorm, cohortMax, rotated } = plan;
  const rotation = rotated === undefined ? undefined : planRotation(clipNorm, rotated);
  const bound = rotation?.bound ?? clipNorm;
  const bounds = { clipNorm, ...(rotation && { rotation }) };
  const width =
    plan.width ?? FAST_WIDTHS.find((fast) => finestLevels(bounds, fast, cohortMax) >= LEVELS_WANTED) ?? 32;
  const codec: Codec = {
    version: 1,
    clipNorm,
    width,
    // At least one unit, so that the check below reports a cohort that does not fit.
    grid: bound / Math.max(1, levelsThatFit(width, cohortMax)),
    weightMax: plan.weightMax,
    counters: plan.counters,
    ...(rotation && { rotation }),
  };
  checkCodec(codec, plan.cohortMax);
  return codec;
}

/** Of d coordinates: the bound is that of Hoeffding for all of them together, and never more than C. */
function planRotation(clipNorm: number, length: number): Rotation {
  const block = blockOf(BLOCK, Math.max(2, length));
  const share = Math.sqrt((2 * Math.log(2 * length * ODDS)) / block);
  return { block, bound: clipNorm * Math.min(1, share) };
}

/** Throws `ringOverflow` with the worst case, if the sum of `cohortMax` updates might not fit. */
export function checkCodec(codec: Codec, cohortMax: number): void {
  const largest = largestOf(codec) + (codec.noise ? noiseReach(codec.noise) : 0);
  const bound = 2 ** (codec.width - 1) - 1;
  if (!(cohortMax * largest <= bound))
    throw new HanseError('ringOverflow', {
      worstCase: `${cohortMax} updates with coordinates up to ${largest} exceed ${bound}`,
      bits: codec.width,
    });
  const { adaptive } = codec;
  const bit = adaptive ? adaptive.bitScale + (codec.noise ? noiseReach(codec.noise) : 0) : 0;
  if (!(cohortMax * bit < 2 ** 31))
    throw new HanseError('ringOverflow', {
      worstCase: `${cohortMax} bits of up to ${bit} exceed ${2 ** 31 - 1}`,
      bits: 32,
    });
  if (!(cohortMax * codec.weightMax < 2 ** 32))
    throw new HanseError('ringOverflow', {
      worstCase: `${cohortMax} updates with weights up to ${codec.weightMax} exceed ${2 ** 32 - 1}`,
      bits: 32,
    });
}

/**
 * L: the bound on the norm of an update in grid units, before rounding. An update of less than the largest weight has
 * proportionally less.
 */
export function levelsOf(codec: Codec, weight: number = codec.weightMax): number {
  return (codec.clipNorm / codec.grid) * (weight / codec.weightMax);
}

/** P: the bound on a coordinate of an update in grid units, before rounding. */
export function peakOf(codec: Codec, weight: number = codec.weightMax): number {
  return (coordinateBound(codec) / codec.grid) * (weight / codec.weightMax);
}

/** The largest magnitude that a coordinate has when it is rounded, in grid units, without its noise. */
export function largestOf(codec: Codec, weight: number = codec.weightMax): number {
  return codec.lot ? codec.lot.bound : Math.floor(peakOf(codec, weight)) + 1;
}

/** What the sum of `cohortMax` updates leaves of the ring for noise that is added to it, in grid units; may be negative. */
export function centralRoom(codec: Codec, cohortMax: number): number {
  return 2 ** (codec.width - 1) - 1 - cohortMax * largestOf(codec);
}

/** The largest magnitude of noise that is reckoned with, in grid units. */
export function noiseReach({ sigma }: { readonly sigma: number }): number {
  return Math.ceil(NOISE_DEVIATIONS * sigma);
}

/** What no coordinate of a clipped delta exceeds, in units of the parameters. */
export function coordinateBound({ clipNorm, rotation }: Bounds): number {
  return Math.min(clipNorm, rotation?.bound ?? clipNorm);
}

/** Grid units per clipNorm of the finest grid of this width, for the sum of `cohortMax` updates; 0 where none fits. */
export function finestLevels(bounds: Bounds, width: number, cohortMax: number): number {
  return Math.max(0, levelsThatFit(width, cohortMax)) * (bounds.clipNorm / coordinateBound(bounds));
}

/** The most whole grid units that a coordinate may have, for which the sum of `cohortMax` updates fits. */
function levelsThatFit(width: number, cohortMax: number): number {
  return Math.floor((2 ** (width - 1) - 1) / cohortMax) - 1;
}
