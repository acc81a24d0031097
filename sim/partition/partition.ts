/**
 * How a simulation divides one data set among its participants: chosen by a word on the command line, the same for
 * the same seed.
 */
import { HanseError } from '../../protocol/problem.ts';
import type { RandomNumbers } from '../../protocol/random.ts';
import { partitionDirichlet } from './dirichlet.ts';
import { partitionIid } from './iid.ts';
import { partitionShards } from './shards.ts';

export type Partition =
  | { readonly type: 'iid' }
  | { readonly type: 'shards' }
  | { readonly type: 'dirichlet'; readonly alpha: number };

/** Reads `iid`, `shards` or `dirichlet:<alpha>` with alpha > 0. Throws `usage`. */
export function parsePartition(text: string): Partition {
  if (text === 'iid' || text === 'shards') return { type: text };
  const [, digits] = /^dirichlet:(\d+(?:\.\d+)?(?:e[+-]?\d+)?)$/.exec(text) ?? [];
  const alpha = Number(digits);
  if (digits !== undefined && alpha > 0 && Number.isFinite(alpha)) return { type: 'dirichlet', alpha };
  throw new HanseError('usage', {
    reason: `partition "${text}"; known are iid, shards, and dirichlet:<alpha> with alpha > 0`,
  });
}

/** The inverse of `parsePartition`, for reports. */
export function formatPartition(partition: Partition): string {
  return partition.type === 'dirichlet' ? `dirichlet:${partition.alpha}` : partition.type;
}

/**
 * Gives every example to exactly one participant.
 *
 * @param labels one per example
 * @returns for each participant the ascending indices of its examples; nobody's is empty
 * Throws `usage` when there are too few examples.
 */
export function partitionExamples(
  partition: Partition,
  labels: Int32Array,
  participants: number,
  numbers: RandomNumbers,
): Uint32Array[] {
  switch (partition.type) {
    case 'iid':
      return partitionIid(labels, participants, numbers);
    case 'shards':
      return partitionShards(labels, participants, numbers);
    case 'dirichlet':
      return partitionDirichlet(labels, participants, numbers, partition.alpha);
    default:
      partition satisfies never;
      throw new Error('unreachable');
  }
}
