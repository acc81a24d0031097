/**
 * Cutting a list of examples into consecutive pieces, and refusing when there are too few to go round.
 */
import { HanseError } from '../../protocol/problem.ts';

/** `pieces` consecutive views of `items` that cover it; their lengths differ by at most one. */
export function cutEvenly(items: Uint32Array, pieces: number): Uint32Array[] {
  const cut = (piece: number) => Math.floor((items.length * piece) / pieces);
  return Array.from({ length: pieces }, (_, piece) => items.subarray(cut(piece), cut(piece + 1)));
}

/** Throws `usage` unless there is at least one participant and there are at least `needed` examples. */
export function requireEnough(examples: number, participants: number, needed: number): void {
  if (!Number.isInteger(participants) || participants < 1) {
    throw new HanseError('usage', { reason: `${participants} participants` });
  }
  if (examples < needed) {
    throw new HanseError('usage', {
      reason: `${examples} examples are too few for ${participants} participants; ${needed} are needed`,
    });
  }
}
