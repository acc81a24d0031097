/**
 * The reference interpreter for many evaluations that differ in one input: what does not depend on it is kept.
 * Finite differences evaluate a loss hundreds of times, each time with one parameter moved.
 */
import { type Graph, type Node, type Value, valuesRead } from '../graph.ts';
import { initialValues, runNode } from './interpreter.ts';
import type { NdArray } from './nd-array.ts';

export class IncrementalInterpreter {
  readonly #graph: Graph;
  readonly #known: ReadonlyMap<Value, NdArray>;
  readonly #affected = new Map<string, readonly Node[]>();

  /** @throws invalidFormat where an input is missing or has another shape */
  constructor(graph: Graph, feeds: ReadonlyMap<string, NdArray>) {
    this.#graph = graph;
    const known = initialValues(graph, feeds);
    for (const node of graph.nodes) runNode(node, known);
    this.#known = known;
  }

  /** The outputs by name, with another value for one input. Throws RangeError for an input that is not there. */
  with(name: string, array: NdArray): Map<string, NdArray> {
    const port = this.#graph.inputs.find((input) => input.name === name);
    if (!port) throw new RangeError(`the graph has no input ${name}`);
    const known = new Map(this.#known).set(port.value, array);
    for (const node of this.#nodesAfter(name, port.value)) runNode(node, known);
    return new Map(this.#graph.outputs.map((output) => [output.name, known.get(output.value) as NdArray]));
  }

  #nodesAfter(name: string, input: Value): readonly Node[] {
    let nodes = this.#affected.get(name);
    if (!nodes) {
      const dependent = new Set([input]);
      nodes = this.#graph.nodes.filter((node) => {
        const depends = valuesRead(node).some((value) => dependent.has(value));
        if (depends) for (const output of node.outputs) dependent.add(output);
        return depends;
      });
      this.#affected.set(name, nodes);
    }
    return nodes;
  }
}
