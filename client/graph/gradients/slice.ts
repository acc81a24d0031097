/**
 * Gradients of parts of tensors and of tensors with something around them, d being the gradient by the output:
 *
 *   part: d where the part was, 0 elsewhere      zeros around: the part of d within them
 *   edge or reflection around: that part, and what lies outside of it added where it was read
 */
import { stringAttribute } from '../attribute.ts';
import type { Value } from '../graph.ts';
import type { GraphBuilder } from '../graph-builder.ts';
import { padding, type Stride, strides } from '../shapes/slice.ts';
import { axisLength, constantIntegers, constantPositions } from '../tensor-type.ts';
import { cropped, scatterAlong } from './arrange.ts';
import type { GradientQuery, GradientRule } from './gradient-rule.ts';

const slice: GradientRule = (query) => {
  const { g, upstream, input } = query;
  const { shape } = input(0);
  const known = (index: number) => constantInput(query, index, constantPositions);
  const starts = known(1) ?? [];
  const kept = strides(shape, { starts, ends: known(2) ?? [], axes: known(3), steps: known(4) });
  if (!kept) throw new RangeError('a slice has strides');
  return [
    () => kept.reduce((part, stride, axis) => putBack(g, part, axis, stride, shape[axis] ?? 0), upstream),
  ];
};

/** Puts what was kept of one axis back where it was in an axis of this length, with zeros elsewhere. */
function putBack(g: GraphBuilder, part: Value, axis: number, stride: Stride, length: number): Value {
  const { start, step, count } = stride;
  if (count === 0) return cropped(g, part, { axis, before: 0, after: -length });
  const forwards = step < 0 && count > 1 ? reversed(g, part, axis) : part;
  const first = step < 0 ? start + (count - 1) * step : start;
  const gap = count > 1 ? Math.abs(step) : 1;
  const dense = gap === 1 ? forwards : spread(g, forwards, axis, gap);
  return cropped(g, dense, { axis, before: -first, after: first + count * gap - length });
}

/** Each position becomes the first of `gap`, the others being zeros. */
function spread(g: GraphBuilder, value: Value, axis: number, gap: number): Value {
  const { shape } = value;
  const column = g.reshape(value, [...shape.slice(0, axis + 1), 1, ...shape.slice(axis + 1)]);
  const spaced = cropped(g, column, { axis: axis + 1, before: 0, after: 1 - gap });
  return g.reshape(spaced, shape.with(axis, axisLength(shape, axis) * gap));
}

function reversed(g: GraphBuilder, value: Value, axis: number): Value {
  const [start, end, step] = [[-1], [-axisLength(value.shape, axis) - 1], [-1]];
  return g.apply('Slice', [value, ...[start, end, [axis], step].map((list) => g.integers(list))]);
}

const pad: GradientRule = (query) => {
  const { g, node, upstream, input } = query;
  const { shape } = input(0);
  const mode = stringAttribute(node.attributes, 'mode', 'constant');
  const pads = constantInput(query, 1, constantIntegers) ?? [];
  const around = padding(shape.length, pads, constantInput(query, 3, constantIntegers));
  if (!around) throw new RangeError('a padded value has a border');
  const axes = [...shape.keys()].map((axis) => ({
    axis,
    before: around.before[axis] ?? 0,
    after: around.after[axis] ?? 0,
  }));
  const inner = () => axes.reduce((part, cut) => cropped(g, part, cut), upstream);
  // Everything that does not show the value shows its surroundings.
  const outer = () => g.sub(g.total(upstream), g.total(inner()));
  const folded = () =>
    axes.reduce((part, { axis, before, after }) => {
      if (before === 0 && after === 0) return part;
      const length = axisLength(shape, axis);
      const read = Array.from({ length: before + length + after }, (_, place) => {
        const at = place - before;
        if (mode === 'edge') return Math.min(Math.max(at, 0), length - 1);
        return at < 0 ? -at : at < length ? at : 2 * (length - 1) - at;
      });
      return scatterAlong(g, part, g.integers(read), axis, length);
    }, upstream);
  return [mode === 'constant' ? inner : folded, undefined, outer];
};

function constantInput<T>(
  { g, node }: GradientQuery,
  index: number,
  read: (constant: NonNullable<ReturnType<GraphBuilder['constantOf']>>) => T,
): T | undefined {
  const value = node.inputs[index];
  const constant = value && g.constantOf(value);
  return constant && read(constant);
}

export const SLICE_GRADIENTS = { Pad: pad, Slice: slice } satisfies Record<string, GradientRule>;
