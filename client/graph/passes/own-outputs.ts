/**
 * ONNX wants an output to be the result of a node, under its own name and of no other output: where it is an input,
 * a constant, a value from around, or an output already, it is copied.
 */
import { type Graph, type Node, newValue, type Value } from '../graph.ts';

export function ownOutputs(graph: Graph): Graph {
  const produced = new Set(graph.nodes.flatMap((node) => node.outputs));
  const taken = new Set<Value>();
  const nodes: Node[] = [...graph.nodes];
  const outputs = graph.outputs.map((port) => {
    const isOwn = produced.has(port.value) && !taken.has(port.value);
    const value = isOwn ? port.value : newValue(port.value);
    if (!isOwn) nodes.push({ op: 'Identity', inputs: [port.value], outputs: [value], attributes: {} });
    taken.add(value);
    return { ...port, value };
  });
  return { ...graph, nodes, outputs };
}
