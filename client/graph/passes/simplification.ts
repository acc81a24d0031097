/**
 * What a simplification is, and what many of them ask about a node.
 */
import { intsAttribute } from '../attribute.ts';
import type { OperatorNode, Value } from '../graph.ts';
import type { Rewriting } from './rewriting.ts';

/** A value that the node only repeats, a simpler node with the same outputs, or undefined where there is neither. */
export type Simplification = (node: OperatorNode, at: Rewriting) => Value | OperatorNode | undefined;

/** The first that finds something to do. */
export function oneOf(...simplifications: readonly Simplification[]): Simplification {
  return (node, at) => {
    for (const simplification of simplifications) {
      const result = simplification(node, at);
      if (result) return result;
    }
    return undefined;
  };
}

/** The first input and the first output, which nearly every operator has. */
export function ends(node: OperatorNode): { input: Value; output: Value } {
  const [input] = node.inputs;
  const [output] = node.outputs;
  if (!input || !output) throw new RangeError(`${node.op} without input or output`);
  return { input, output };
}

/** Where each axis of a Transpose comes from. */
export function orderOf(node: OperatorNode): readonly number[] {
  const rank = ends(node).input.shape.length;
  return intsAttribute(node.attributes, 'perm') ?? [...Array(rank).keys()].reverse();
}
