/**
 * Large constants of one and the same element, such as the zeros that gradients of tables start from, are written as
 * that element, repeated at run time: they would make up most of the bytes of a model otherwise.
 */
import { type Graph, type Node, newValue, type Value } from '../graph.ts';
import { type Constant, elementCount } from '../tensor-type.ts';
import { onlyElement, scalarOf } from './uniform-constant.ts';

/** Constants up to this many elements stay as they are. */
const STORED_ELEMENTS = 1024;

export function repeatElements(graph: Graph): Graph {
  const constants = new Map<Value, Constant>();
  const repetitions: Node[] = [];
  for (const [value, constant] of graph.constants) {
    const element = elementCount(constant.shape) > STORED_ELEMENTS ? onlyElement(constant) : undefined;
    if (element === undefined) {
      constants.set(value, constant);
      continue;
    }
    const scalar = scalarOf(constant, element);
    const shape: Constant = {
      dtype: 'int64',
      shape: [constant.shape.length],
      data: BigInt64Array.from(constant.shape, BigInt),
    };
    const inputs = [scalar, shape].map((input) => {
      const own = newValue(input);
      constants.set(own, input);
      return own;
    });
    repetitions.push({ op: 'Expand', inputs, outputs: [value], attributes: {} });
  }
  return { ...graph, constants, nodes: [...repetitions, ...graph.nodes] };
}
