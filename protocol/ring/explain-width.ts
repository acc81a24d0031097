/**
 * Why a coordinate has the bits that it has, in figures. SPEC.md 5.2, 5.6.
 *
 *   worst sum = n (floor(P) + 1) + noise      e = (g / 2) sqrt d
 *
 * with P the bound on a coordinate in grid units, n the largest cohort, and e what rounding moves an update at most, as
 * a root mean square: a coordinate whose fraction is f is moved by f (1 - f) g^2 <= g^2 / 4 in the mean square. Pure.
 */
import type { Codec } from '../../schemas/codec.ts';
import { updateBytes } from './payload.ts';
import { coordinateBound, FAST_WIDTHS, finestLevels, LEVELS_WANTED, largestOf, levelsOf } from './width.ts';

export interface WidthExplanation {
  /** b. */
  readonly width: number;
  readonly worstCase: {
    /** What one coordinate may have before rounding, in units of the parameters: C, or T of a rotation. */
    readonly coordinate: number;
    /** g, in the same units, for an update of the largest weight. */
    readonly grid: number;
    /** floor(P) + 1: of one update, in grid units. */
    readonly largest: number;
    /** n: the most updates that a round sums. */
    readonly updates: number;
    /** Of noise that is added in the ring, in grid units: none in this version. */
    readonly noise: number;
    /** Of the sum, in grid units. */
    readonly sum: number;
  };
  /** 2^(b-1) - 1. */
  readonly range: number;
  /** The fewest bits whose range holds the worst sum on this grid. */
  readonly bitsNeeded: number;
  /** C / g, and how many a job gets at least unless its author decides otherwise. */
  readonly levels: number;
  readonly levelsWanted: number;
  /** The next narrower width that packs fast, on the finest grid it permits; null: there is none. */
  readonly narrower: {
    readonly width: number;
    /** C / g of that grid; 0: not even a grid of one step fits. */
    readonly levels: number;
    /** As `rounding.share`; null without a grid. */
    readonly share: number | null;
  } | null;
  /** Of an update of the largest weight; one of weight w is moved by weightMax / w times as much. */
  readonly rounding: {
    /** Less than this, in units of the parameters. */
    readonly coordinate: number;
    /** Root mean square, at most: in units of the parameters, and as a share of C. */
    readonly norm: number;
    readonly share: number;
    /** Of the mean of n updates. */
    readonly shareOfMean: number;
  };
  readonly updateBytes: number;
  /** What the coordinates alone would take as float32 numbers. */
  readonly float32Bytes: number;
}

/**
 * @param length d
 * @param updates n, the size of the cohort
 */
export function explainWidth(codec: Codec, length: number, updates: number): WidthExplanation {
  const { width, grid, clipNorm } = codec;
  const largest = largestOf(codec);
  const noise = 0;
  const sum = updates * largest + noise;
  const shareOf = (levels: number) => Math.sqrt(length) / (2 * levels);
  const levels = levelsOf(codec);
  const narrowerWidth = FAST_WIDTHS.findLast((fast) => fast < width);
  const narrowerLevels = narrowerWidth === undefined ? 0 : finestLevels(codec, narrowerWidth, updates);
  return {
    width,
    worstCase: { coordinate: coordinateBound(codec), grid, largest, updates, noise, sum },
    range: rangeOf(width),
    bitsNeeded: bitsFor(sum),
    levels,
    levelsWanted: LEVELS_WANTED,
    narrower:
      narrowerWidth === undefined
        ? null
        : {
            width: narrowerWidth,
            levels: narrowerLevels,
            share: narrowerLevels > 0 ? shareOf(narrowerLevels) : null,
          },
    rounding: {
      coordinate: grid,
      norm: shareOf(levels) * clipNorm,
      share: shareOf(levels),
      shareOfMean: shareOf(levels) / Math.sqrt(updates),
    },
    updateBytes: updateBytes({ codec, parameters: length }),
    float32Bytes: 4 * length,
  };
}

/** The largest number of this many bits in two's complement. */
function rangeOf(width: number): number {
  return 2 ** (width - 1) - 1;
}

function bitsFor(sum: number): number {
  let width = 1;
  while (rangeOf(width) < sum) width += 1;
  return width;
}
