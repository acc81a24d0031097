/**
 * What a gradient rule is: for y = f(x_0, x_1, ...) and the gradient of a scalar by y, how to build the gradient by
 * each x_i. Rules build ordinary operators of the same table.
 */
import type { OperatorNode, Value } from '../graph.ts';
import type { GraphBuilder } from '../graph-builder.ts';
import type { Shape } from '../tensor-type.ts';

export interface GradientQuery {
  /** Where the gradient's nodes go. */
  readonly g: GraphBuilder;
  readonly node: OperatorNode;
  /** y: the output of the node, the first where it has several. */
  readonly output: Value;
  /** The gradient by y, of the shape of y. */
  readonly upstream: Value;
  /** The gradients by all outputs of a node that has several; undefined where the result does not depend on one. */
  readonly upstreams: readonly (Value | undefined)[];
  /** x_index; throws RangeError where the node has no such input. */
  input(index: number): Value;
}

/** Builds the gradient by one input; called only if that gradient is needed. */
export type InputGradient = () => Value;

/** One entry per input of the node; undefined for inputs that have no gradient, such as axes and masks. */
export type GradientRule = (query: GradientQuery) => readonly (InputGradient | undefined)[];

/** Undoes broadcasting: sums `gradient` over the axes along which a value of this shape was repeated. */
export function sumToShape(g: GraphBuilder, gradient: Value, shape: Shape): Value {
  const added = gradient.shape.length - shape.length;
  const repeated = [...gradient.shape.keys()].filter(
    (axis) => axis < added || (shape[axis - added] === 1 && gradient.shape[axis] !== 1),
  );
  if (repeated.length === 0) return g.reshape(gradient, shape);
  // Where only whole leading axes vanish, the reduction can drop them itself.
  if (repeated.every((axis) => axis < added) && repeated.length === added)
    return g.reduce('ReduceSum', gradient, repeated, false);
  return g.reshape(g.reduce('ReduceSum', gradient, repeated, true), shape);
}
