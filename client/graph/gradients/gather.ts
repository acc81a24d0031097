/**
 * Gradients of elements picked by indices and of elements put where indices say: what was picked gets the gradient
 * back where it came from, added up where it was picked repeatedly, and the other way round.
 */
import { int, stringAttribute } from '../attribute.ts';
import { axisLength, type Constant, elementCount } from '../tensor-type.ts';
import { axisOf, cropped, scatterAlong, scatterElements, zeros } from './arrange.ts';
import type { GradientRule } from './gradient-rule.ts';

const gather: GradientRule = ({ g, node, upstream, input }) => {
  const table = input(0);
  const indices = input(1);
  const axis = axisOf(node.attributes, table.shape.length, 0);
  const length = axisLength(table.shape, axis);
  const count = elementCount(indices.shape);
  const flat = () => g.reshape(upstream, table.shape.with(axis, count));
  const first = firstOfRun(g.constantOf(indices), length);
  if (first !== undefined)
    return [() => cropped(g, flat(), { axis, before: -first, after: first + count - length }), undefined];
  return [() => scatterAlong(g, flat(), g.reshape(indices, [count]), axis, length), undefined];
};

/** Where the indices are neighbours in order, as those of one position or of all of them, the first of them. */
function firstOfRun(indices: Constant | undefined, length: number): number | undefined {
  const positions = Array.from<number | bigint, number>(indices?.data ?? [], Number).map((index) =>
    index < 0 ? index + length : index,
  );
  const [first] = positions;
  return first !== undefined && positions.every((at, place) => at === first + place) ? first : undefined;
}

const gatherElements: GradientRule = ({ g, node, upstream, input }) => {
  const { shape } = input(0);
  const axis = axisOf(node.attributes, shape.length, 0);
  return [() => scatterElements(g, zeros(g, shape), input(1), upstream, axis), undefined];
};

/** Where elements are replaced, indices do not repeat: the operator specification forbids it. */
const scatter: GradientRule = ({ g, node, upstream, input }) => {
  const { shape } = input(0);
  const axis = axisOf(node.attributes, shape.length, 0);
  const isSum = stringAttribute(node.attributes, 'reduction', 'none') === 'add';
  const replaced = () =>
    g.apply('ScatterElements', [upstream, input(1), zeros(g, input(2).shape)], { axis: int(axis) });
  return [
    isSum ? () => upstream : replaced,
    undefined,
    () => g.apply('GatherElements', [upstream, input(1)], { axis: int(axis) }),
  ];
};

export const GATHER_GRADIENTS = {
  Gather: gather,
  GatherElements: gatherElements,
  ScatterElements: scatter,
} satisfies Record<string, GradientRule>;
