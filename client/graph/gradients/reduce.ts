/**
 * Gradients of reductions, d being the gradient by the output y, both repeated along the reduced axes:
 *
 *   sum: d                mean: d / n, n elements going into each      l2 norm: d x / y, 0 where y = 0
 *   max, min: d shared evenly among the elements equal to y            log sum exp: d exp(x - y)
 *   product: d times the product of the others, also where some of the elements are 0
 */
import { intAttribute } from '../attribute.ts';
import type { Value } from '../graph.ts';
import { constantIntegers, elementCount, normalizeAxes, reducedShape, type Shape } from '../tensor-type.ts';
import type { GradientQuery, GradientRule } from './gradient-rule.ts';

/** The axes that the node reduces, ascending; none for a node that leaves its input as it is. */
function reducedAxes({ g, node, input }: GradientQuery): readonly number[] {
  const { shape } = input(0);
  const axesInput = node.inputs[1];
  const constant = axesInput && g.constantOf(axesInput);
  const asked = (constant && constantIntegers(constant)) ?? [];
  const noop = intAttribute(node.attributes, 'noop_with_empty_axes', 0) !== 0;
  const axes = asked.length > 0 || noop ? asked : [...shape.keys()];
  return normalizeAxes(axes, shape.length) ?? [];
}

interface Reduced {
  readonly axes: readonly number[];
  /** The shape of the output with the reduced axes kept as 1, so that it broadcasts to the input. */
  readonly kept: Shape;
  /** The gradient by the output, and the output, in this shape. */
  readonly d: Value;
  readonly y: Value;
}

/** A rule that is given output and gradient in a shape that broadcasts to the input. */
function rule(gradient: (query: GradientQuery, x: Value, reduced: Reduced) => Value): GradientRule {
  return (query) => [
    () => {
      const { g, upstream, output } = query;
      const x = query.input(0);
      const axes = reducedAxes(query);
      if (axes.length === 0) return upstream;
      const kept = reducedShape(x.shape, axes, true);
      return gradient(query, x, { axes, kept, d: g.reshape(upstream, kept), y: g.reshape(output, kept) });
    },
    undefined,
  ];
}

function repeated({ g }: GradientQuery, value: Value, shape: Shape): Value {
  if (elementCount(value.shape) === elementCount(shape)) return g.reshape(value, shape);
  return g.apply('Expand', [value, g.integers(shape)]);
}

const extreme = rule(({ g }, x, { axes, d, y }) => {
  const isExtreme = g.apply('Equal', [x, y]);
  const count = g.reduce('ReduceSum', g.cast(isExtreme, 'float32'), axes, true);
  return g.where(isExtreme, g.div(d, count), g.scalar(0));
});

/** Zeros are taken out of the product and counted: an element's others multiply to 0 if there is one among them. */
const product = rule(({ g }, x, { axes, d }) => {
  const isZero = g.apply('Equal', [x, g.scalar(0)]);
  const factor = g.where(isZero, g.scalar(1), x);
  const all = g.apply('ReduceProd', [factor, g.integers(axes)]);
  const zero = g.cast(isZero, 'float32');
  const others = g.sub(g.reduce('ReduceSum', zero, axes, true), zero);
  const none = g.apply('Equal', [others, g.scalar(0)]);
  return g.where(none, g.div(g.mul(d, all), factor), g.scalar(0));
});

export const REDUCE_GRADIENTS = {
  ReduceL2: rule(({ g }, x, { d, y }) => {
    const positive = g.apply('Greater', [y, g.scalar(0)]);
    return g.mul(x, g.div(d, g.where(positive, y, g.scalar(1))));
  }),
  ReduceLogSumExp: rule(({ g }, x, { d, y }) => g.mul(d, g.apply('Exp', [g.sub(x, y)]))),
  ReduceMax: extreme,
  ReduceMean: rule((query, x, { kept, d }) => {
    const { g } = query;
    const share = elementCount(kept) / elementCount(x.shape);
    // Divided before it is repeated, where there is less of it.
    return repeated(query, share === 1 ? d : g.mul(d, g.scalar(share)), x.shape);
  }),
  ReduceMin: extreme,
  ReduceProd: product,
  ReduceSum: rule((query, x, { d }) => repeated(query, d, x.shape)),
} satisfies Record<string, GradientRule>;
