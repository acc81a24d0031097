/**
 * Examples dealt at random: every participant sees the same distribution.
 * McMahan et al., "Communication-efficient learning of deep networks from decentralized data", AISTATS 2017, section 3.
 */
import type { RandomNumbers } from '../../protocol/random.ts';
import { cutEvenly, requireEnough } from './cut.ts';

/**
 * @param labels one per example; only their number matters here
 * @returns for each participant the ascending indices of its examples; sizes differ by at most one
 * Throws `usage` when there are fewer examples than participants.
 */
export function partitionIid(
  labels: Int32Array,
  participants: number,
  numbers: RandomNumbers,
): Uint32Array[] {
  requireEnough(labels.length, participants, participants);
  const order = numbers.shuffle(Uint32Array.from(labels.keys()));
  return cutEvenly(order, participants).map((part) => part.slice().sort());
}
