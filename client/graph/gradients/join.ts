/**
 * Gradients of tensors laid side by side and of the reverse: the gradient by a part is that part of the gradient.
 */
import { int } from '../attribute.ts';
import { axisLength } from '../tensor-type.ts';
import { axisOf, cropped, zeros } from './arrange.ts';
import type { GradientRule } from './gradient-rule.ts';

const concat: GradientRule = ({ g, node, upstream }) => {
  const axis = axisOf(node.attributes, upstream.shape.length, 0);
  let end = 0;
  return node.inputs.map((value) => {
    if (!value) return undefined;
    const before = end;
    end += axisLength(value.shape, axis);
    const after = axisLength(upstream.shape, axis) - end;
    return () => cropped(g, upstream, { axis, before, after });
  });
};

const split: GradientRule = ({ g, node, upstream, upstreams }) => {
  const axis = axisOf(node.attributes, upstream.shape.length, 0);
  const parts = () => upstreams.map((part, index) => part ?? zeros(g, node.outputs[index]?.shape ?? []));
  return [() => g.apply('Concat', parts(), { axis: int(axis) }), undefined];
};

export const JOIN_GRADIENTS = { Concat: concat, Split: split } satisfies Record<string, GradientRule>;
