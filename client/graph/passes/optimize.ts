/**
 * The passes over a finished graph, in their order. Each gives a graph that computes the same.
 */
import type { Graph } from '../graph.ts';
import { fuseAddend } from './fuse-addend.ts';
import { ownOutputs } from './own-outputs.ts';
import { prune } from './prune.ts';
import { repeatElements } from './repeat-elements.ts';
import { scatterIntoAddend } from './scatter-into-addend.ts';
import { simplify } from './simplify.ts';

/** @param graph whose outputs may be any of its values, also several times the same */
export function optimize(graph: Graph): Graph {
  // Pruned before each: what nobody needs would be one more use of what it reads, and hinder fusion.
  return prune(repeatElements(scatterIntoAddend(fuseAddend(ownOutputs(prune(simplify(prune(graph))))))));
}
