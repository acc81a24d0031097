/**
 * Gradients of reductions: the gradient by the output, repeated along the reduced axes; for a mean, divided by the
 * number of elements that went into it.
 */
import { intAttribute } from '../attribute.ts';
import type { Value } from '../graph.ts';
import { constantIntegers, elementCount, normalizeAxes, reducedShape } from '../tensor-type.ts';
import type { GradientQuery, GradientRule } from './gradient-rule.ts';

function repeated({ g, node, upstream, input }: GradientQuery): Value {
  const { shape } = input(0);
  if (elementCount(upstream.shape) === elementCount(shape)) return g.reshape(upstream, shape);
  const axesInput = node.inputs[1];
  const constant = axesInput && g.constantOf(axesInput);
  const asked = (constant && constantIntegers(constant)) ?? [];
  const noop = intAttribute(node.attributes, 'noop_with_empty_axes', 0) !== 0;
  const axes = asked.length > 0 || noop ? asked : [...shape.keys()];
  const kept = reducedShape(shape, normalizeAxes(axes, shape.length) ?? [], true);
  return g.apply('Expand', [g.reshape(upstream, kept), g.integers(shape)]);
}

export const REDUCE_GRADIENTS = {
  ReduceSum: (query) => [() => repeated(query), undefined],
  ReduceMean: (query) => {
    const { g, output } = query;
    const share = elementCount(output.shape) / elementCount(query.input(0).shape);
    return [() => (share === 1 ? repeated(query) : g.mul(repeated(query), g.scalar(share))), undefined];
  },
} satisfies Record<string, GradientRule>;
