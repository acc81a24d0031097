/**
 * The pathological non-IID split: most participants see only two labels.
 * McMahan et al., AISTATS 2017, section 3: sort by label, cut into 2K shards, deal two to each of K participants.
 */
import type { RandomNumbers } from '../../protocol/random.ts';
import { cutEvenly, requireEnough } from './cut.ts';

const SHARDS_EACH = 2;

/**
 * A shard that is no longer than the rarest label spans at most two labels, so a participant sees at most four.
 *
 * @param labels one per example
 * @returns for each participant the ascending indices of its examples
 * Throws `usage` when there are fewer examples than shards.
 */
export function partitionShards(
  labels: Int32Array,
  participants: number,
  numbers: RandomNumbers,
): Uint32Array[] {
  const shardCount = SHARDS_EACH * participants;
  requireEnough(labels.length, participants, shardCount);
  // Shuffled before the stable sort, so that which examples of a label share a shard depends on the seed.
  const order = numbers.shuffle(Uint32Array.from(labels.keys()));
  order.sort((a, b) => (labels[a] ?? 0) - (labels[b] ?? 0));
  const shards = numbers.shuffle(cutEvenly(order, shardCount));
  return Array.from({ length: participants }, (_, participant) => {
    const own = shards.slice(SHARDS_EACH * participant, SHARDS_EACH * (participant + 1));
    return Uint32Array.from(own.flatMap((shard) => [...shard])).sort();
  });
}
