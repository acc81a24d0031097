/**
 * Gradients of activations, most in terms of their own output y, d being the gradient by y:
 *
 *   tanh: d (1 - y^2)    sigmoid: d y (1 - y)    relu: d where y > 0, else 0
 *   elu: d where x > 0, else d (y + alpha)       leaky relu: d where x > 0, else alpha d
 *   softplus: d sigmoid(x)                       hard sigmoid: alpha d where 0 < y < 1, else 0
 *   softmax along an axis: y (d - sum(d y))
 *
 * At its kink each takes the slope on the left, as everywhere in the field: that of relu at 0 is 0.
 */
import { floatAttribute, intAttribute } from '../attribute.ts';
import type { GradientRule } from './gradient-rule.ts';

export const ACTIVATION_GRADIENTS = {
  Tanh: ({ g, upstream, output }) => [() => g.mul(upstream, g.sub(g.scalar(1), g.mul(output, output)))],
  Sigmoid: ({ g, upstream, output }) => [() => g.mul(upstream, g.mul(output, g.sub(g.scalar(1), output)))],
  Relu: ({ g, upstream, output }) => [
    () => g.where(g.apply('Greater', [output, g.scalar(0)]), upstream, g.scalar(0)),
  ],
  Elu: ({ g, node, upstream, output, input }) => [
    () => {
      const alpha = g.scalar(floatAttribute(node.attributes, 'alpha', 1));
      const positive = g.apply('Greater', [input(0), g.scalar(0)]);
      return g.where(positive, upstream, g.mul(upstream, g.add(output, alpha)));
    },
  ],
  LeakyRelu: ({ g, node, upstream, input }) => [
    () => {
      const alpha = g.scalar(floatAttribute(node.attributes, 'alpha', 0.01));
      const positive = g.apply('Greater', [input(0), g.scalar(0)]);
      return g.where(positive, upstream, g.mul(upstream, alpha));
    },
  ],
  Softplus: ({ g, upstream, input }) => [() => g.mul(upstream, g.apply('Sigmoid', [input(0)]))],
  HardSigmoid: ({ g, node, upstream, output }) => [
    () => {
      const alpha = g.scalar(floatAttribute(node.attributes, 'alpha', 0.2));
      // y (1 - y) is 0 at both ends and positive between them.
      const inside = g.apply('Greater', [g.mul(output, g.sub(g.scalar(1), output)), g.scalar(0)]);
      return g.where(inside, g.mul(upstream, alpha), g.scalar(0));
    },
  ],
  Softmax: ({ g, node, upstream, output }) => [
    () => {
      const axis = intAttribute(node.attributes, 'axis', -1);
      const inner = g.reduce('ReduceSum', g.mul(upstream, output), [axis], true);
      return g.mul(output, g.sub(upstream, inner));
    },
  ],
} satisfies Record<string, GradientRule>;
