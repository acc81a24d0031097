/**
 * Why the updates of a job have the width that they have, in words. SPEC.md 5.2. Pure.
 */
import type { WidthExplanation } from '../../protocol/ring/explain-width.ts';
import type { Codec } from '../../schemas/codec.ts';
import { significant } from './significant.ts';

export type ReportLine = readonly [label: string, text: string];

/** @param width of this codec */
export function describeCodec(
  { clipNorm, weightMax, rotation }: Codec,
  width: WidthExplanation,
): ReportLine[] {
  const { worstCase, rounding, levels } = width;
  const { updates } = worstCase;
  const turned =
    rotation &&
    `turned in blocks of ${rotation.block}, no coordinate above ${significant(worstCase.coordinate)}`;
  const lighter =
    weightMax > 1 && `one of weight w, which is ${weightMax} at most, by ${weightMax} / w times as much`;
  return [
    [
      'codec',
      `${width.width} bits a coordinate in steps of ${significant(worstCase.grid)}, ` +
        `${Math.floor(levels)} to the clip norm of ${significant(clipNorm)}`,
    ],
    ...(turned ? [['rotation', turned] as const] : []),
    ['worst case', describeWorstCase(width, rotation !== undefined)],
    ['width', describeNeed(width)],
    ['narrower', describeNarrower(width)],
    [
      'rounding',
      `a coordinate moves by less than a step, an update by at most ${percent(rounding.share)} of the clip norm, ` +
        `the mean of ${updates} by ${percent(rounding.shareOfMean)} (root mean square)`,
    ],
    ...(lighter ? [['', lighter] as const] : []),
    ['update', `${width.updateBytes} bytes; its coordinates as float32 would take ${width.float32Bytes}`],
  ];
}

function describeWorstCase({ worstCase }: WidthExplanation, isTurned: boolean): string {
  const { largest, updates, sum, noise } = worstCase;
  const one = isTurned ? 'a coordinate at its bound' : 'all of the norm in one coordinate';
  const added = noise === 0 ? 'no noise' : `${noise} of noise`;
  return `${one}: ${largest} steps with rounding, times ${updates} (cohort), ${added}: ${sum}`;
}

function describeNeed({ width, range, bitsNeeded }: WidthExplanation): string {
  const reach = `${width} bits reach ${range}`;
  if (bitsNeeded > width) return `${reach}: the worst case does not fit, it needs ${bitsNeeded}`;
  if (bitsNeeded < width) return `${reach}; ${bitsNeeded} would be enough on this grid`;
  return `${reach}; with ${width - 1} the worst case would wrap`;
}

function describeNarrower({ narrower, levelsWanted }: WidthExplanation): string {
  if (narrower === null) return 'no width that packs fast';
  const { width, levels, share } = narrower;
  if (share === null) return `${width} bits: not one step to the clip norm`;
  const wanted = levels < levelsWanted ? ` of ${levelsWanted} wanted` : '';
  return `${width} bits: ${Math.floor(levels)}${wanted} steps to the clip norm, an update would move by ${percent(share)} of it`;
}

function percent(share: number): string {
  return `${significant(100 * share, 2)} %`;
}
