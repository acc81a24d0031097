/**
 * Dead-code elimination: what no output depends on is dropped. Every operator is a pure function, so nothing is lost.
 */
import { type Graph, type Value, valuesRead } from '../graph.ts';

/** The same graph without nodes and constants that no output needs. Inputs stay: they are the graph's contract. */
export function prune(graph: Graph): Graph {
  const live = new Set<Value>(graph.outputs.map((port) => port.value));
  const kept = [];
  for (const node of graph.nodes.toReversed()) {
    if (!node.outputs.some((output) => live.has(output))) continue;
    for (const value of valuesRead(node)) live.add(value);
    kept.push(node);
  }
  const constants = new Map([...graph.constants].filter(([value]) => live.has(value)));
  return { ...graph, nodes: kept.reverse(), constants };
}
