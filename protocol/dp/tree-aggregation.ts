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
 * The sum of one step is given the noise of the nodes that are added to those of the step before, less the noise of those
 * that are removed: the sums of all steps so far then carry the noise of their nodes. Whoever draws it, a coordinator that is
 * trusted, has the same noise for a node whenever it comes back to it: two noises for one node would show a difference without
 * any. Pure: what draws is `server/central-noise.ts`.
 */

/** A node of the tree: the steps `index` 2^level + 1 .. (index + 1) 2^level. */
export interface TreeNode {
  readonly level: number;
  readonly index: number;
}

/** floor(log2 T) + 1, the levels of a tree of T steps: what its event charges. @param steps 1..2^31 */
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

/** The step with which a node is complete: the first whose sum carries its noise. */
export function lastStepOf({ level, index }: TreeNode): number {
  return (index + 1) * 2 ** level;
}

/** By which nodes the noise of a step differs from that of the step before. */
export interface StepNodes {
  readonly added: readonly TreeNode[];
  readonly removed: readonly TreeNode[];
}

/** Once removed, a node does not come back: its parent has taken its place. @param step 1..2^31 */
export function stepNodes(step: number): StepNodes {
  const [before, after] = [nodesOf(step - 1), nodesOf(step)];
  const isIn = (nodes: readonly TreeNode[], { level, index }: TreeNode) =>
    nodes.some((node) => node.level === level && node.index === index);
  return {
    added: after.filter((node) => !isIn(before, node)),
    removed: before.filter((node) => !isIn(after, node)),
  };
}
