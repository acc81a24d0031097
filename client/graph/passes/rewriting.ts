/**
 * What passes that rewrite a graph share: what is known about its values, and how nodes are made to read others.
 */
import type { Attributes } from '../attribute.ts';
import { type Graph, type Node, newValue, type OperatorNode, type Value, valuesRead } from '../graph.ts';
import type { Operator } from '../shapes/shape-rules.ts';
import { bytesOf } from '../tensor-bytes.ts';
import { byteCount, type Constant, type TensorType } from '../tensor-type.ts';

/** Larger constants are taken to be unlike any other. */
const MAX_COMPARED_BYTES = 4 * 1024 * 1024;

/** The values of a graph that is being rewritten node by node. */
export class Rewriting {
  readonly #visit: (node: OperatorNode) => void;
  readonly #uses = new Map<Value, number>();
  readonly #shared = new Set<Value>();
  readonly #producers = new Map<Value, Node>();
  readonly #constants = new Map<Value, Constant>();
  readonly #equal = new Map<string, Value[]>();
  readonly #replaced = new Map<Value, Value>();

  /**
   * Equal constants become one.
   * @param visit treats a node that a rewriting adds like those of the graph
   */
  constructor(graph: Graph, visit: (node: OperatorNode) => void) {
    this.#visit = visit;
    const use = (value: Value) => this.#uses.set(value, (this.#uses.get(value) ?? 0) + 1);
    for (const node of graph.nodes) for (const value of valuesRead(node)) use(value);
    for (const { value } of graph.outputs) use(value);
    for (const [value, constant] of graph.constants) {
      const same = this.#equalTo(constant);
      if (same) this.#replaced.set(value, same);
      else this.#addConstant(value, constant);
    }
  }

  get constants(): ReadonlyMap<Value, Constant> {
    return this.#constants;
  }

  /** The value that is to be read in the place of another, the same unless it was replaced. */
  current(value: Value): Value {
    return this.#replaced.get(value) ?? value;
  }

  /** From now on `by`, which is current, is read in the place of `value`. */
  replace(value: Value, by: Value): void {
    this.#replaced.set(value, by);
    this.#shared.add(by);
  }

  /** Whether a value that a node of the graph gives is read in one place, and none is read there as well. */
  isReadOnce(value: Value): boolean {
    return this.#uses.get(value) === 1 && !this.#shared.has(value);
  }

  /** Adds a node with one output of this type. */
  apply(op: Operator, inputs: readonly Value[], attributes: Attributes, type: TensorType): Value {
    const output = newValue(type);
    this.#visit({ op, inputs, outputs: [output], attributes });
    return this.current(output);
  }

  /** The rewritten node that computes a value; undefined for inputs, constants and values from around. */
  producer(value: Value): Node | undefined {
    return this.#producers.get(value);
  }

  addProducer(node: Node): void {
    for (const output of node.outputs) this.#producers.set(output, node);
  }

  constantOf(value: Value): Constant | undefined {
    return this.#constants.get(value);
  }

  constant(constant: Constant): Value {
    const same = this.#equalTo(constant);
    if (same) return same;
    const value = newValue(constant);
    this.#addConstant(value, constant);
    return value;
  }

  /** An int64 vector. */
  integers(values: readonly number[]): Value {
    const data = BigInt64Array.from(values, BigInt);
    return this.constant({ dtype: 'int64', shape: [values.length], data });
  }

  #addConstant(value: Value, constant: Constant): void {
    this.#constants.set(value, constant);
    const key = digestOf(constant);
    if (key === undefined) return;
    const others = this.#equal.get(key);
    if (others) others.push(value);
    else this.#equal.set(key, [value]);
  }

  #equalTo(constant: Constant): Value | undefined {
    const key = digestOf(constant);
    const candidates = key === undefined ? [] : (this.#equal.get(key) ?? []);
    return candidates.find((value) => {
      const other = this.#constants.get(value);
      return other && sameBytes(bytesOf(other), bytesOf(constant));
    });
  }
}

/** Type, shape and a sum over the bytes (FNV-1a): equal for equal constants, rarely for others. */
function digestOf(constant: Constant): string | undefined {
  if (byteCount(constant) > MAX_COMPARED_BYTES) return undefined;
  const bytes = bytesOf(constant);
  let digest = 0x811c9dc5;
  for (let at = 0; at < bytes.length; at += 1) digest = Math.imul(digest ^ (bytes[at] ?? 0), 0x01000193);
  return `${constant.dtype}[${constant.shape}]${digest}`;
}

function sameBytes(a: Uint8Array, b: Uint8Array): boolean {
  return a.length === b.length && a.every((byte, at) => byte === b[at]);
}

/** The node reading current values, also within its body. */
export function reading(node: Node, current: (value: Value) => Value): Node {
  const inputs = node.inputs.map((value) => value && current(value));
  if (node.op !== 'Scan') return { ...node, inputs };
  const { body } = node;
  return {
    ...node,
    inputs,
    body: {
      ...body,
      nodes: body.nodes.map((inner) => reading(inner, current)),
      outputs: body.outputs.map((port) => ({ ...port, value: current(port.value) })),
    },
  };
}
