/**
 * Gradients of operators that choose, element by element, which input becomes the output y, d being the gradient by y:
 * d where an input was chosen, else 0.
 *
 *   |a|: d sign a       where(c, a, b): d where c, d where not c
 *   max, min of several: d shared evenly among the inputs equal to y
 *   clip: d where y = x, d where y > x for the lower bound, d where y < x for the upper one
 *
 * At 0 the gradient of |a| is 0; on its bounds that of clip is d. All as in PyTorch.
 */
import type { Value } from '../graph.ts';
import type { GraphBuilder } from '../graph-builder.ts';
import { type GradientQuery, type GradientRule, sumToShape } from './gradient-rule.ts';

/** `value` where the condition holds, else 0, summed to a shape. */
function chosen(g: GraphBuilder, condition: Value, value: Value, shape: readonly number[]): Value {
  return sumToShape(g, g.where(condition, value, g.scalar(0)), shape);
}

const extreme: GradientRule = ({ g, node, upstream, output, input }: GradientQuery) => {
  if (node.inputs.length === 1) return [() => upstream];
  let shared: { readonly masks: readonly Value[]; readonly share: Value } | undefined;
  const share = () => {
    if (shared) return shared;
    const masks = node.inputs.map((_, index) => g.apply('Equal', [input(index), output]));
    const count = masks.map((mask) => g.cast(mask, 'float32')).reduce((sum, one) => g.add(sum, one));
    shared = { masks, share: g.div(upstream, count) };
    return shared;
  };
  return node.inputs.map((_, index) => () => {
    const { masks, share: value } = share();
    const mask = masks[index];
    if (mask === undefined) throw new RangeError(`no input ${index}`);
    return chosen(g, mask, value, input(index).shape);
  });
};

const clip: GradientRule = ({ g, upstream, output, input }) => {
  const where = (comparison: 'Equal' | 'Greater' | 'Less', shape: readonly number[]) =>
    chosen(g, g.apply(comparison, [output, input(0)]), upstream, shape);
  return [
    () => where('Equal', input(0).shape),
    () => where('Greater', input(1).shape),
    () => where('Less', input(2).shape),
  ];
};

export const SELECTION_GRADIENTS = {
  Abs: ({ g, upstream, input }) => [() => g.mul(upstream, g.apply('Sign', [input(0)]))],
  Clip: clip,
  Max: extreme,
  Min: extreme,
  Where: ({ g, upstream, input }) => {
    const zero = g.scalar(0);
    return [
      undefined,
      () => sumToShape(g, g.where(input(0), upstream, zero), input(1).shape),
      () => sumToShape(g, g.where(input(0), zero, upstream), input(2).shape),
    ];
  },
} satisfies Record<string, GradientRule>;
