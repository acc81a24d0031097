/**
 * The graph that everything here works on: a list of operator applications in order, each on values that came before.
 *
 * Values have no names. They are compared by identity, and get their names when the graph is encoded, so no pass
 * has to invent or keep unique names. Only the border has names that mean something: inputs and outputs.
 */
import type { Attributes } from './attribute.ts';
import type { Operator } from './shapes/shape-rules.ts';
import type { Constant, TensorType } from './tensor-type.ts';

/** One tensor of a graph: an input, a constant, or an output of exactly one node. Compared by identity. */
export interface Value extends TensorType {}

export function newValue({ dtype, shape }: TensorType): Value {
  return Object.freeze({ dtype, shape: Object.freeze([...shape]) });
}

interface Application {
  /** undefined where an optional input is left out. */
  readonly inputs: readonly (Value | undefined)[];
  readonly outputs: readonly Value[];
  readonly attributes: Attributes;
}

/** One operator. Most have one output; Split has several. */
export interface OperatorNode extends Application {
  readonly op: Operator;
}

/** A body repeated along the leading axis of some inputs. */
export interface ScanNode extends Application {
  readonly op: 'Scan';
  readonly body: Graph;
}

export type Node = OperatorNode | ScanNode;

/** A named input or output. */
export interface Port {
  readonly name: string;
  readonly value: Value;
  /** The name of one more axis, in front of those of the value and free at run time: the steps of a Scan. */
  readonly leadingAxis?: string;
}

/** `nodes` are in an order in which each can run; the body of a Scan may use values of the graph around it. */
export interface Graph {
  readonly name: string;
  readonly inputs: readonly Port[];
  readonly constants: ReadonlyMap<Value, Constant>;
  readonly nodes: readonly Node[];
  readonly outputs: readonly Port[];
}

/** Every value that a node reads, also from within its body. */
export function valuesRead(node: Node): Value[] {
  const read = node.inputs.filter((value) => value !== undefined);
  if (node.op !== 'Scan') return read;
  for (const inner of node.body.nodes) read.push(...valuesRead(inner));
  for (const port of node.body.outputs) read.push(port.value);
  return read;
}
