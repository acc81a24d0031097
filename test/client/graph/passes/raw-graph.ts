/**
 * A graph as it was written, before any pass.
 */
import { type Graph, newValue, type Port, type Value, valuesRead } from '../../../../client/graph/graph.ts';
import type { GraphBuilder } from '../../../../client/graph/graph-builder.ts';
import { ownOutputs } from '../../../../client/graph/passes/own-outputs.ts';
import type { Constant } from '../../../../client/graph/tensor-type.ts';

export function rawGraph(g: GraphBuilder, inputs: readonly Port[], outputs: readonly Port[]): Graph {
  const constants = new Map<Value, Constant>();
  const read = [...g.nodes.flatMap(valuesRead), ...outputs.map(({ value }) => value)];
  for (const value of read) {
    const constant = g.constantOf(value);
    if (constant) constants.set(value, constant);
  }
  return ownOutputs({ name: g.name, inputs, constants, nodes: [...g.nodes], outputs });
}

/** The same graph with its nodes as the body of a Scan over nothing but a single step. */
export function withinScan(graph: Graph): Graph {
  const inputs = graph.inputs.map((port) => ({ ...port, value: newValue(port.value), leadingAxis: 'S' }));
  const outputs = graph.outputs.map((port) => ({ ...port, value: newValue(port.value), leadingAxis: 'S' }));
  return {
    name: 'around',
    inputs,
    constants: new Map(),
    nodes: [
      {
        op: 'Scan',
        inputs: inputs.map(({ value }) => value),
        outputs: outputs.map(({ value }) => value),
        attributes: { num_scan_inputs: { kind: 'int', value: inputs.length } },
        body: graph,
      },
    ],
    outputs,
  };
}
