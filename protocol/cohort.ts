/**
 * Who trains in a round: a uniform choice without replacement among the live participants. SPEC.md section 8.2.
 */
import type { NodeId } from '../schemas/ids.ts';
import type { RandomNumbers } from './random.ts';

/** @returns min(size, candidates) ids in ascending order; the same for the same set of candidates and randomness */
export function drawCohort(candidates: Iterable<NodeId>, size: number, numbers: RandomNumbers): NodeId[] {
  const pool = [...new Set(candidates)].sort();
  return numbers.shuffle(pool).slice(0, size).sort();
}
