/**
 * What running a graph once takes: operators, floating-point operations and memory. Estimates from shapes alone, the
 * same on every machine; a runtime may use less by computing in place, and more by keeping what it has freed.
 *
 * A Scan is counted for a single step: how many there will be is not known when the graph is built.
 */
import { intAttribute } from './attribute.ts';
import { type Graph, type Node, type OperatorNode, type Value, valuesRead } from './graph.ts';
import { byteCount, elementCount } from './tensor-type.ts';

export interface Cost {
  /** Operators, those in bodies included. */
  readonly nodes: number;
  /** Additions, multiplications and the like; a product and its sum are two, an exponential is one. */
  readonly flops: number;
  /** Most bytes that are alive at a time: inputs, constants, outputs, and values that a later node reads. */
  readonly peakBytes: number;
}

export function costOf(graph: Graph): Cost {
  let nodes = 0;
  let flops = 0;
  for (const node of graph.nodes) {
    const inner = node.op === 'Scan' ? costOf(node.body) : { nodes: 0, flops: operations(node) };
    nodes += 1 + inner.nodes;
    flops += inner.flops;
  }
  return { nodes, flops, peakBytes: peakBytes(graph) };
}

/** Operators that only arrange elements or name types. */
const ARRANGING: ReadonlySet<string> = new Set([
  'Cast',
  'Concat',
  'Expand',
  'Flatten',
  'Gather',
  'GatherElements',
  'Identity',
  'Pad',
  'Reshape',
  'Slice',
  'Split',
  'Squeeze',
  'Transpose',
  'Unsqueeze',
]);

/** Of those, the ones whose output is the memory of their input. */
const SHARING: ReadonlySet<string> = new Set(['Flatten', 'Identity', 'Reshape', 'Squeeze', 'Unsqueeze']);

/** Names of operators, so that the count of one does not depend on which families there are. */
function operations({ op, inputs, outputs, attributes }: OperatorNode): number {
  const name: string = op;
  const [a, b] = inputs;
  const given = elements(a);
  const made = outputs.reduce((sum, value) => sum + elements(value), 0);
  if (ARRANGING.has(name)) return 0;
  switch (name) {
    case 'MatMul':
      return 2 * made * (a?.shape.at(-1) ?? 1);
    case 'Gemm':
      return (
        2 * made * (a?.shape.at(intAttribute(attributes, 'transA', 0) ? 0 : 1) ?? 1) + elements(inputs[2])
      );
    case 'Conv':
      // Of each output, one multiplication per element of its filter.
      return 2 * made * elementCount(b?.shape.slice(1) ?? []) + elements(inputs[2]);
    case 'ConvTranspose':
      return 2 * given * elementCount(b?.shape.slice(1) ?? []) + elements(inputs[2]);
    case 'ScatterElements':
      return elements(inputs[2]);
    default:
      return Math.max(given, made) * window(attributes);
  }
}

function elements(value: Value | undefined): number {
  return value ? elementCount(value.shape) : 0;
}

/** How many elements a pooling operator looks at for each that it gives; 1 for all others. */
function window(attributes: OperatorNode['attributes']): number {
  const kernel = attributes.kernel_shape;
  return kernel?.kind === 'ints' ? elementCount(kernel.value) : 1;
}

function peakBytes(graph: Graph): number {
  const memory = new Memory(graph);
  let peak = memory.bytes;
  graph.nodes.forEach((node, index) => {
    memory.allocate(node);
    const inner = node.op === 'Scan' ? peakBytes(node.body) : 0;
    peak = Math.max(peak, memory.bytes + inner);
    memory.release(index);
  });
  return peak;
}

/** The values that are alive while the nodes run one after the other. */
class Memory {
  bytes = 0;
  readonly #roots = new Map<Value, Value>();
  readonly #released: Value[][];

  constructor(graph: Graph) {
    for (const { value } of graph.inputs) this.bytes += byteCount(value);
    for (const value of graph.constants.keys()) this.bytes += byteCount(value);
    const lastUse = new Map<Value, number>();
    const produced = new Set<Value>();
    graph.nodes.forEach((node, index) => {
      this.#shareMemory(node);
      for (const value of node.outputs) {
        if (this.#root(value) === value) produced.add(value);
        lastUse.set(this.#root(value), index);
      }
      for (const value of valuesRead(node)) lastUse.set(this.#root(value), index);
    });
    for (const { value } of graph.outputs) lastUse.delete(this.#root(value));
    this.#released = graph.nodes.map(() => []);
    for (const [value, index] of lastUse) if (produced.has(value)) this.#released[index]?.push(value);
  }

  allocate(node: Node): void {
    for (const value of node.outputs) if (this.#root(value) === value) this.bytes += byteCount(value);
  }

  /** Frees what nobody reads after the node at this index. */
  release(index: number): void {
    for (const value of this.#released[index] ?? []) this.bytes -= byteCount(value);
  }

  #shareMemory({ op, inputs, outputs }: Node): void {
    const [input] = inputs;
    const [output] = outputs;
    if (SHARING.has(op) && input && output) this.#roots.set(output, this.#root(input));
  }

  #root(value: Value): Value {
    return this.#roots.get(value) ?? value;
  }
}
