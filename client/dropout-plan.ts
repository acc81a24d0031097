/**
 * Who drops out of the secure rounds of an experiment: of n nodes k, drawn afresh for each attempt from the seed that all of
 * them share. Pure but for hashing.
 */
import { primitives } from '#primitives';
import { utf8 } from '../protocol/bytes.ts';
import { HanseError } from '../protocol/problem.ts';
import { RandomNumbers, seededRandom } from '../protocol/random.ts';
import type { TrainTask } from '../schemas/task.ts';

export interface DropoutPlan {
  /** k: nodes that drop out of each round. */
  readonly dropped: number;
  /** n: nodes among which they are drawn. */
  readonly nodes: number;
  /** Of this node, 0..n-1. */
  readonly index: number;
}

/** From "k/n/index", as 2/10/3. Throws `usage`. */
export function parseDropoutPlan(text: string): DropoutPlan {
  const match = /^(\d{1,4})\/(\d{1,4})\/(\d{1,4})$/.exec(text);
  const [dropped = -1, nodes = 0, index = 0] = match?.slice(1).map(Number) ?? [];
  if (dropped < 0 || dropped > nodes || index >= nodes)
    throw new HanseError('usage', {
      reason: `--drop-out ${text}: say k/n/i, as 2/10/3: k of n nodes, k at most n, and the number of this one, from 0 to n - 1`,
    });
  return { dropped, nodes, index };
}

/** Whether this node is among those that drop out. @param seed the same for all nodes */
export async function isDroppedOut(
  { dropped, nodes, index }: DropoutPlan,
  seed: string,
  { round, attempt }: Pick<TrainTask, 'round' | 'attempt'>,
): Promise<boolean> {
  const key = await primitives.sha256(utf8(`HANSE dropout\0${seed}\0${round}\0${attempt}`));
  const order = new RandomNumbers(seededRandom(key)).shuffle(Array.from({ length: nodes }, (_, i) => i));
  return order.slice(0, dropped).includes(index);
}
