/**
 * Turns `Add(p, ScatterElements(zeros, indices, updates))`, a sum by index, into `ScatterElements(p, indices, updates)`:
 * the gradient of a table that few rows of were looked up is added where it belongs, and never written out.
 *
 * Rows that are hit more than once are rounded after each addition instead of once at the end.
 */
import { stringAttribute } from '../attribute.ts';
import type { Graph, Node, Value } from '../graph.ts';
import { valuesRead } from '../graph.ts';
import type { Constant } from '../tensor-type.ts';
import { sameShape } from '../tensor-type.ts';

export function scatterIntoAddend(graph: Graph): Graph {
  const producers = new Map(graph.nodes.flatMap((node) => node.outputs.map((value) => [value, node])));
  const positions = new Map(graph.nodes.flatMap(({ outputs }, at) => outputs.map((value) => [value, at])));
  const uses = new Map<Value, number>();
  const use = (value: Value) => uses.set(value, (uses.get(value) ?? 0) + 1);
  for (const node of graph.nodes) for (const value of valuesRead(node)) use(value);
  for (const port of graph.outputs) use(port.value);

  const replaced = new Map<Node, Node | undefined>();
  for (const sum of graph.nodes) {
    const [left, right] = sum.op === 'Add' ? sum.inputs : [];
    if (!left || !right) continue;
    for (const [scattered, addend] of [
      [right, left],
      [left, right],
    ] as const) {
      const scatter = producers.get(scattered);
      if (!scatter || replaced.has(scatter) || uses.get(scattered) !== 1) continue;
      if (!isSumByIndex(scatter, graph, producers) || !sameShape(addend.shape, scattered.shape)) continue;
      const inputs = [addend, ...scatter.inputs.slice(1)];
      const fused = { ...scatter, inputs, outputs: sum.outputs } as Node;
      const isEarly = (positions.get(addend) ?? -1) < (positions.get(scattered) ?? 0);
      replaced.set(isEarly ? scatter : sum, fused);
      replaced.set(isEarly ? sum : scatter, undefined);
      break;
    }
  }
  const nodes = graph.nodes.flatMap((node) => {
    if (!replaced.has(node)) return [node];
    const other = replaced.get(node);
    return other ? [other] : [];
  });
  return { ...graph, nodes };
}

/** Zeros to which updates are added. */
function isSumByIndex(node: Node, graph: Graph, producers: ReadonlyMap<Value, Node>): boolean {
  if (node.op !== 'ScatterElements' || stringAttribute(node.attributes, 'reduction', 'none') !== 'add')
    return false;
  const [data] = node.inputs;
  const expand = data && producers.get(data);
  const source = expand?.op === 'Expand' ? expand.inputs[0] : data;
  return source !== undefined && isZero(graph.constants.get(source));
}

function isZero(constant: Constant | undefined): boolean {
  return constant?.dtype === 'float32' && constant.data.every((value) => Object.is(value, 0));
}
