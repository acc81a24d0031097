/**
 * Gradients of activations, each in terms of its own output y, d being the gradient by y:
 *
 *   tanh: d (1 - y^2)    sigmoid: d y (1 - y)    relu: d where y > 0, else 0
 *   softmax along an axis: y (d - sum(d y))
 *
 * At 0 the gradient of relu is 0, as everywhere in the field.
 */
import { intAttribute } from '../attribute.ts';
import type { GradientRule } from './gradient-rule.ts';

export const ACTIVATION_GRADIENTS = {
  Tanh: ({ g, upstream, output }) => [() => g.mul(upstream, g.sub(g.scalar(1), g.mul(output, output)))],
  Sigmoid: ({ g, upstream, output }) => [() => g.mul(upstream, g.mul(output, g.sub(g.scalar(1), output)))],
  Relu: ({ g, upstream, output }) => [
    () => g.where(g.apply('Greater', [output, g.scalar(0)]), upstream, g.scalar(0)),
  ],
  Softmax: ({ g, node, upstream, output }) => [
    () => {
      const axis = intAttribute(node.attributes, 'axis', -1);
      const inner = g.reduce('ReduceSum', g.mul(upstream, output), [axis], true);
      return g.mul(output, g.sub(upstream, inner));
    },
  ],
} satisfies Record<string, GradientRule>;
