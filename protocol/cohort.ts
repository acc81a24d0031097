/**
 * Who trains in a round: a uniform choice without replacement among the live participants. SPEC.md section 8.2.
 */
import type { NodeId } from '../schemas/ids.ts';
import type { JobManifest } from '../schemas/job.ts';
import type { RandomNumbers } from './random.ts';

/** Participants to choose for a round: as many as it takes, and some in the place of stragglers. */
export function cohortMost({ size, extra = 0 }: Pick<JobManifest['cohort'], 'size' | 'extra'>): number {
  return size + extra;
}

/** How many from the least to the most, as people read it: "2 to 5", or "2" where both are that. */
export function describeSpan(least: number, most: number): string {
  return least === most ? `${most}` : `${least} to ${most}`;
}

/** @returns min(size, candidates) ids in ascending order; the same for the same set of candidates and randomness */
export function drawCohort(candidates: Iterable<NodeId>, size: number, numbers: RandomNumbers): NodeId[] {
  const pool = [...new Set(candidates)].sort();
  return numbers.shuffle(pool).slice(0, size).sort();
}
