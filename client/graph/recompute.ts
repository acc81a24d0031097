/**
 * Recomputation instead of storage: Chen et al., "Training deep nets with sublinear memory cost", arXiv 1604.06174.
 *
 * The forward nodes are cut into segments. Only what crosses a cut is kept for the way back; when the backward pass
 * reaches a segment, the segment is computed a second time, from what was kept. With n equal layers and s segments
 * about s + n / s activations are alive instead of n, for at most one more forward pass.
 *
 * ONNX Runtime merges nodes that are alike and orders nodes by what they need. So what a segment starts from is
 * passed through x + z, where z is 0 but comes from the gradient that has just arrived: the second computation is
 * neither merged with the first nor begun before it is needed. The results are the same to the bit (save that a
 * negative zero becomes a positive one).
 */
import type { OperatorNode, Value } from './graph.ts';
import type { GraphBuilder } from './graph-builder.ts';
import { byteCount, elementCount } from './tensor-type.ts';

/** @returns the node in whose place another is to be differentiated, the same unless its segment is recomputed */
export type Replay = (node: OperatorNode, upstream: Value) => OperatorNode;

/**
 * @param segments   how many parts to cut the nodes into, at least 1; the last is never recomputed
 * @param parameters alive during the whole step anyway
 */
export function replayOf(
  g: GraphBuilder,
  nodes: readonly OperatorNode[],
  segments: number,
  parameters: ReadonlySet<Value>,
): Replay {
  const cuts = cutPoints(nodes, segments);
  const segmentOf = new Map(nodes.map((node, index) => [node, cuts.filter((cut) => cut <= index).length]));
  const replayed = new Map<number, ReadonlyMap<OperatorNode, OperatorNode>>();
  return (node, upstream) => {
    const segment = segmentOf.get(node);
    if (segment === undefined || segment === cuts.length) return node;
    let copies = replayed.get(segment);
    if (!copies) {
      const inSegment = nodes.filter((candidate) => segmentOf.get(candidate) === segment);
      copies = computeAgain(g, inSegment, upstream, parameters);
      replayed.set(segment, copies);
    }
    return copies.get(node) ?? node;
  };
}

function computeAgain(
  g: GraphBuilder,
  nodes: readonly OperatorNode[],
  upstream: Value,
  parameters: ReadonlySet<Value>,
): ReadonlyMap<OperatorNode, OperatorNode> {
  const zero = zeroAfter(g, upstream);
  const own = new Set(nodes.flatMap((node) => node.outputs));
  const known = new Map<Value, Value>();
  const again = (value: Value) => {
    const copy = known.get(value);
    if (copy) return copy;
    const isAlive = parameters.has(value) || g.constantOf(value) !== undefined;
    if (isAlive || own.has(value) || value.dtype !== 'float32') return value;
    const delayed = g.add(value, zero);
    known.set(value, delayed);
    return delayed;
  };
  const copies = new Map<OperatorNode, OperatorNode>();
  for (const node of nodes) {
    const inputs = node.inputs.map((value) => value && again(value));
    const outputs = g.applyAll(node.op, inputs, node.attributes);
    node.outputs.forEach((output, index) => {
      const copy = outputs[index];
      if (copy) known.set(output, copy);
    });
    copies.set(node, { ...node, inputs, outputs });
  }
  return copies;
}

/** [], 0 whatever the value holds, NaN included; known only when the value is. */
function zeroAfter(g: GraphBuilder, value: Value): Value {
  const flat = g.reshape(value, [elementCount(value.shape)]);
  const one = g.apply('Slice', [flat, g.integers([0]), g.integers([1])]);
  return g.reshape(g.cast(g.apply('Greater', [one, one]), 'float32'), []);
}

/** How far from even parts a cut may be moved to where fewer bytes cross it, in parts of a segment. */
const SLACK = 0.25;

/** Indices of the first nodes of all segments but the first, ascending; fewer where there are too few nodes. */
function cutPoints(nodes: readonly OperatorNode[], segments: number): number[] {
  const sizes = nodes.map((node) => node.outputs.reduce((sum, value) => sum + byteCount(value), 0));
  const total = sizes.reduce((sum, size) => sum + size, 0);
  const crossing = crossingBytes(nodes);
  const cuts: number[] = [];
  for (let part = 1; part < segments; part += 1) {
    const [from, to] = [part - SLACK, part + SLACK].map((place) => (place * total) / segments);
    let before = 0;
    let best: number | undefined;
    for (let index = 1; index < nodes.length; index += 1) {
      before += sizes[index - 1] ?? 0;
      if (before < (from ?? 0) || before > (to ?? 0)) continue;
      if (best === undefined || (crossing[index] ?? 0) < (crossing[best] ?? 0)) best = index;
    }
    if (best !== undefined && best > (cuts.at(-1) ?? 0)) cuts.push(best);
  }
  return cuts;
}

/** For each index, the bytes that nodes before it compute and nodes from it on read. */
function crossingBytes(nodes: readonly OperatorNode[]): number[] {
  const lastUse = new Map<Value, number>();
  nodes.forEach((node, index) => {
    for (const value of node.inputs) if (value) lastUse.set(value, index);
  });
  const changes = new Array<number>(nodes.length + 1).fill(0);
  nodes.forEach((node, index) => {
    for (const value of node.outputs) {
      const last = lastUse.get(value) ?? index;
      changes[index + 1] = (changes[index + 1] ?? 0) + byteCount(value);
      changes[last + 1] = (changes[last + 1] ?? 0) - byteCount(value);
    }
  });
  let alive = 0;
  return changes.map((change) => {
    alive += change;
    return alive;
  });
}
