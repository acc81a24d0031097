/**
 * How many segments of the forward graph have to be computed again (`recompute.ts`) for a train step to fit a limit of
 * memory: as few as possible, since each costs time.
 */
import { HanseError } from '../../protocol/problem.ts';
import { costOf } from './cost.ts';
import type { Graph } from './graph.ts';

/** Numbers of segments that are tried, in this order. */
const CANDIDATES = [2, 3, 4, 6, 8, 12, 16, 24, 32, 48, 64] as const;

export interface MemoryBound {
  /** Bytes that a step may need, by `costOf`. */
  readonly limit: number;
  /** Segments to begin with. */
  readonly least: number;
  /** Whether more may be tried. */
  readonly mayRecompute: boolean;
}

/**
 * @param build the same step in so many segments
 * @throws graphTooLarge where no number of segments fits
 */
export function fewestSegments<Built extends { readonly graph: Graph }>(
  { limit, least: first, mayRecompute }: MemoryBound,
  build: (segments: number) => Built,
): Built {
  let least = Number.POSITIVE_INFINITY;
  const more = mayRecompute ? CANDIDATES.filter((segments) => segments > first) : [];
  for (const segments of [first, ...more]) {
    const built = build(segments);
    const { peakBytes } = costOf(built.graph);
    if (peakBytes <= limit) return built;
    least = Math.min(least, peakBytes);
  }
  throw new HanseError('graphTooLarge', { what: 'memory', limit, got: least });
}
