/**
 * Which noise a trusted coordinator adds to the sum of a round. SPEC.md 12.11. Pure: what draws it is
 * `server/central-noise.ts`. Lengths are in steps of the grid.
 */
import type { CentralNoise, Noise } from '../../schemas/privacy.ts';
import { noiseReach } from '../ring/width.ts';
import { nodesOf, type StepNodes, stepNodes, treeLevels } from './tree-aggregation.ts';

/** A tree of a job, and what of it a round is given. */
export interface TreeStep extends StepNodes {
  /** From 0. */
  readonly tree: number;
}

/** Of the trees of `noise`. @param round from 1 */
export function treeStep(
  { rounds }: Extract<CentralNoise, { type: 'gaussianTree' }>,
  round: number,
): TreeStep {
  const tree = Math.floor((round - 1) / rounds);
  return { tree, ...stepNodes(round - tree * rounds) };
}

/** Whether the round is the last of its tree. @param round from 1 */
export function endsTree(noise: CentralNoise | undefined, round: number): boolean {
  return noise?.type === 'gaussianTree' && round % noise.rounds === 0;
}

/** Whether a coordinator adds it, which is trusted; else each participant adds its share. */
export function isCentral(noise: Noise | CentralNoise): noise is CentralNoise {
  return noise.type === 'gaussian' || noise.type === 'gaussianTree';
}

/** Standard deviation of all noise in a sum of so many updates; of one node, where it is that of a tree. */
export function deviationOfSum(noise: Noise | CentralNoise, updates: number): number {
  return isCentral(noise) ? noise.sigma : noise.sigma * Math.sqrt(updates);
}

/** Independent draws that the sums of so many rounds carry together: one of each, or of each tree the nodes of its last step. */
export function drawsOfRounds(noise: Noise | CentralNoise, rounds: number): number {
  if (noise.type !== 'gaussianTree') return rounds;
  const [trees, rest] = [Math.floor(rounds / noise.rounds), rounds % noise.rounds];
  return trees * nodesOf(noise.rounds).length + (rest === 0 ? 0 : nodesOf(rest).length);
}

/** The largest magnitude that is reckoned with in one round: of a step of a tree, nodes come and go. */
export function centralReach(noise: CentralNoise): number {
  const draws = noise.type === 'gaussianTree' ? treeLevels(noise.rounds) + 1 : 1;
  return noiseReach({ sigma: noise.sigma * Math.sqrt(draws) });
}
