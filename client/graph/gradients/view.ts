/**
 * Gradients of operators that only arrange elements: the same elements, arranged back.
 */
import { intsAttribute } from '../attribute.ts';
import { type GradientRule, sumToShape } from './gradient-rule.ts';

const reshaped: GradientRule = ({ g, upstream, input }) => [
  () => g.reshape(upstream, input(0).shape),
  undefined,
];

export const VIEW_GRADIENTS = {
  Expand: ({ g, upstream, input }) => [() => sumToShape(g, upstream, input(0).shape), undefined],
  Flatten: reshaped,
  Reshape: reshaped,
  Squeeze: reshaped,
  Unsqueeze: reshaped,
  Transpose: ({ g, node, upstream }) => {
    const axes = [...upstream.shape.keys()];
    const order = intsAttribute(node.attributes, 'perm') ?? axes.toReversed();
    return [
      () =>
        g.transpose(
          upstream,
          axes.map((axis) => order.indexOf(axis)),
        ),
    ];
  },
} satisfies Record<string, GradientRule>;
