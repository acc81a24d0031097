/**
 * Turns `Add(C, A B)` into one `Gemm(A, B, C)`.
 *
 * This is where most of the speed of a train step comes from: with the learning rate folded into the gradient, the
 * update of a weight matrix is p + A' D, and fused it reads and writes the parameter once (measured on an MLP
 * 784-200-10 with batch 10: 0.108 ms a step instead of 0.136). Biases of imported `MatMul` + `Add` pairs fuse too.
 */
import type { Graph, Node, Value } from '../graph.ts';
import { valuesRead } from '../graph.ts';
import { broadcastShapes, type Shape, sameShape } from '../tensor-type.ts';

export function fuseAddend(graph: Graph): Graph {
  const producers = new Map<Value, Node>();
  const uses = new Map<Value, number>();
  const use = (value: Value) => uses.set(value, (uses.get(value) ?? 0) + 1);
  for (const node of graph.nodes) {
    for (const output of node.outputs) producers.set(output, node);
    for (const value of valuesRead(node)) use(value);
  }
  for (const port of graph.outputs) use(port.value);
  const positions = new Map(graph.nodes.flatMap(({ outputs }, at) => outputs.map((value) => [value, at])));

  const absorbed = new Set<Node>();
  const replaced = new Map<Node, Node>();
  for (const sum of graph.nodes) {
    if (sum.op !== 'Add') continue;
    const [left, right] = sum.inputs;
    const [result] = sum.outputs;
    if (!left || !right || !result) continue;
    // The right operand first: gradients and biases stand there, so the order of rounding is the one written.
    for (const [product, addend] of [
      [right, left],
      [left, right],
    ] as const) {
      const producer = producers.get(product);
      if (!producer || !isPlainProduct(producer) || uses.get(product) !== 1) continue;
      if (!sameShape(product.shape, result.shape) || !broadcastsTo(addend.shape, result.shape)) continue;
      const [a, b] = producer.inputs;
      const fused: Node = { ...producer, op: 'Gemm', inputs: [a, b, addend], outputs: sum.outputs };
      // As early as the addend permits, so that what is multiplied need not be kept: an update of a parameter stands
      // where its gradient did, not at the end of the step.
      const isEarly = (positions.get(addend) ?? -1) < (positions.get(product) ?? 0);
      replaced.set(isEarly ? producer : sum, fused);
      absorbed.add(isEarly ? sum : producer);
      break;
    }
  }
  const nodes = graph.nodes.filter((node) => !absorbed.has(node)).map((node) => replaced.get(node) ?? node);
  return { ...graph, nodes };
}

/** A product of two matrices to which nothing is added yet. */
function isPlainProduct(node: Node): boolean {
  if (node.op === 'Gemm') return node.inputs[2] === undefined;
  return node.op === 'MatMul' && node.inputs.every((input) => input?.shape.length === 2);
}

function broadcastsTo(shape: Shape, target: Shape): boolean {
  return sameShape(broadcastShapes([shape, target]) ?? [], target);
}
