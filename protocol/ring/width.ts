/**
 * Choosing width and grid so that no sum can wrap. SPEC.md 5.2.
 *
 * A clipped coordinate has at most L = C/g grid units, rounded at most floor(L) + 1. The sum over n participants must
 * stay in the signed range of the ring: n (floor(L) + 1) <= 2^(b-1) - 1. Weights and counters, at most weightMax each,
 * must not wrap modulo 2^32: n * weightMax < 2^32.
 */
import type { Codec } from '../../schemas/codec.ts';
import { HanseError } from '../problem.ts';

/** Widths whose coordinates fill whole words in small groups; packing and summing them is fastest. */
const FAST_WIDTHS = [16, 24, 32];
/** Least grid units per clipNorm of a chosen width: rounding then moves a million coordinates by 3 % of C. */
const LEVELS_WANTED = 16_384;

export interface CodecPlan {
  /** C > 0. */
  readonly clipNorm: number;
  /** n: the most updates that will ever be summed. */
  readonly cohortMax: number;
  readonly weightMax: number;
  readonly counters: number;
  /** 16..32; left out: the first of 16, 24, 32 with at least 16384 grid units per clipNorm, else 32. */
  readonly width?: number;
}

/**
 * The codec with the finest grid whose sums fit. Throws `ringOverflow` if no grid does: that needs a cohort of more
 * than 2^(b-2), or weights whose sum reaches 2^32.
 */
export function planCodec(plan: CodecPlan): Codec {
  const width =
    plan.width ?? FAST_WIDTHS.find((fast) => levelsThatFit(fast, plan.cohortMax) >= LEVELS_WANTED) ?? 32;
  const codec: Codec = {
    version: 1,
    clipNorm: plan.clipNorm,
    width,
    // At least one unit, so that the check below reports a cohort that does not fit.
    grid: plan.clipNorm / Math.max(1, levelsThatFit(width, plan.cohortMax)),
    weightMax: plan.weightMax,
    counters: plan.counters,
  };
  checkCodec(codec, plan.cohortMax);
  return codec;
}

/** Throws `ringOverflow` with the worst case, if the sum of `cohortMax` updates might not fit. */
export function checkCodec(codec: Codec, cohortMax: number): void {
  const largest = Math.floor(levelsOf(codec)) + 1;
  const bound = 2 ** (codec.width - 1) - 1;
  if (!(cohortMax * largest <= bound))
    throw new HanseError('ringOverflow', {
      worstCase: `${cohortMax} updates with coordinates up to ${largest} exceed ${bound}`,
      bits: codec.width,
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

/** The most whole grid units per clipNorm, for which the sum of `cohortMax` updates fits. */
function levelsThatFit(width: number, cohortMax: number): number {
  return Math.floor((2 ** (width - 1) - 1) / cohortMax) - 1;
}
