/**
 * Noise for sums that grow from step to step, where nobody is sampled: the binary tree of Dwork, Naor, Pitassi, Rothblum
 * (STOC 2010) and Chan, Shi, Song (ICALP 2010), as DP-FTRL uses it: Kairouz, McMahan, Song, Thakkar, Thakurta, Xu, ICML 2021,
 * section 3. SPEC.md 12.11.
 *
 * Node (l, k) stands for the steps k 2^l + 1 .. (k + 1) 2^l and has integer noise of its own. What is released after step t
 * is the sum of all updates so far and of the noise of those nodes that the binary digits of t name:
 *
 *   S_t + sum over the bits l of t of Z(l, floor(t / 2^l) - 1),   popcount(t) nodes, at most floor(log2 T) + 1
 *
 * A unit that takes part in one step is in one node of each level, which is what the event `treeAggregation` charges: with T
 * steps a divergence of (floor(log2 T) + 1) a / (2 z^2). A unit that takes part in k trees is charged `repeat` k.
 *
 * The noise of a node is a function of a secret key and the node, so that a coordinator that starts anew at step t names the
 * same nodes with the same noise: two noises for one node would show a difference without any. Memory: one vector for each
 * bit of t. Noise is the coordinator's, which is trusted here.
 */
import type { RandomSource } from '../random.ts';

/** A node of the tree: the steps `index` 2^level + 1 .. (index + 1) 2^level. */
export interface TreeNode {
  readonly level: number;
  readonly index: number;
}

/** Adds independent draws to integers. */
export interface IntegerNoise {
  addTo(values: Float64Array): void;
}

export interface TreePlan {
  /** T: after so many steps the tree is used up. 1..2^31. */
  readonly steps: number;
  /** d. */
  readonly dimension: number;
  /** The key stream of a node, under a key that is secret and of this tree alone: the same for the same node. */
  randomOf(node: TreeNode): RandomSource;
  /** Noise of one node, e.g. a rounded Gaussian of deviation z D. */
  noiseFrom(random: RandomSource): IntegerNoise;
}

const STEPS_MOST = 2 ** 31;

/** Levels of a tree of so many steps: what its event charges. */
export function treeLevels(steps: number): number {
  return Math.floor(Math.log2(steps)) + 1;
}

/** The nodes whose noise a sum of `step` steps carries, the largest first. @param step 0..2^31 */
export function nodesOf(step: number): TreeNode[] {
  const nodes: TreeNode[] = [];
  for (let level = treeLevels(Math.max(1, step)) - 1; level >= 0; level -= 1) {
    const index = Math.floor(step / 2 ** level);
    if (index % 2 === 1) nodes.push({ level, index: index - 1 });
  }
  return nodes;
}

/** By which nodes the noise of a step differs from that of the step before. */
export interface StepNodes {
  readonly added: readonly TreeNode[];
  readonly removed: readonly TreeNode[];
}

/** Of the step before, the nodes of its last ones make place for their parent. @param step 1..2^31 */
export function stepNodes(step: number): StepNodes {
  const [before, after] = [nodesOf(step - 1), nodesOf(step)];
  const isIn = (nodes: readonly TreeNode[], { level, index }: TreeNode) =>
    nodes.some((node) => node.level === level && node.index === index);
  return {
    added: after.filter((node) => !isIn(before, node)),
    removed: before.filter((node) => !isIn(after, node)),
  };
}

/** The noise of growing sums, step by step. */
export class TreeNoise {
  readonly #plan: TreePlan;
  /** Of the bits of the step, the largest first. */
  #held: { readonly node: TreeNode; readonly noise: Float64Array }[] = [];
  #step = 0;

  /**
   * @param step how many steps have been released before, after which a coordinator goes on
   * @throws RangeError for steps beyond the tree
   */
  constructor(plan: TreePlan, step = 0) {
    if (!Number.isInteger(plan.steps) || plan.steps < 1 || plan.steps > STEPS_MOST)
      throw new RangeError(`a tree of ${plan.steps} steps`);
    if (!Number.isInteger(step) || step < 0 || step > plan.steps)
      throw new RangeError(`step ${step} of ${plan.steps}`);
    this.#plan = plan;
    this.#moveTo(step);
  }

  get step(): number {
    return this.#step;
  }

  /** Vectors in memory. */
  get held(): number {
    return this.#held.length;
  }

  /** [d] The noise of the sum of all steps so far; a copy. */
  get noise(): Float64Array {
    const total = new Float64Array(this.#plan.dimension);
    for (const { noise } of this.#held)
      for (let i = 0; i < total.length; i += 1) total[i] = (total[i] as number) + (noise[i] as number);
    return total;
  }

  /**
   * Takes a step. @returns [d] by how much the noise differs from that of the step before: added to the sum of this step
   * alone, it gives all sums so far the noise of their tree
   * @throws RangeError when the tree is used up
   */
  next(): Float64Array {
    if (this.#step >= this.#plan.steps)
      throw new RangeError(`a tree of ${this.#plan.steps} steps is used up`);
    const difference = this.noise;
    this.#moveTo(this.#step + 1);
    const after = this.noise;
    for (let i = 0; i < difference.length; i += 1)
      difference[i] = (after[i] as number) - (difference[i] as number);
    return difference;
  }

  #moveTo(step: number): void {
    this.#held = nodesOf(step).map((node) => {
      const known = this.#held.find(
        ({ node: { level, index } }) => level === node.level && index === node.index,
      );
      return known ?? { node, noise: this.#draw(node) };
    });
    this.#step = step;
  }

  #draw(node: TreeNode): Float64Array {
    const { dimension, noiseFrom, randomOf } = this.#plan;
    const noise = new Float64Array(dimension);
    noiseFrom(randomOf(node)).addTo(noise);
    return noise;
  }
}
