/**
 * Cases of reductions.
 */
import { type Attributes, int } from '../../../../client/graph/attribute.ts';
import type { Value } from '../../../../client/graph/graph.ts';
import type { Operator } from '../../../../client/graph/shapes/shape-rules.ts';
import { type OperatorCase, special } from './operator-case.ts';

type Reduction = Extract<Operator, `Reduce${string}`>;

function reduction(op: Reduction, keepsOne = true): OperatorCase[] {
  const ways: [string, number[], boolean][] = [
    ['one axis dropped', [1], false],
    ['one axis kept', [-2], true],
    ['two axes', [0, 2], false],
    ['all axes', [0, 1, 2], false],
  ];
  const cases = ways.map(
    ([how, axes, keep]): OperatorCase => ({
      name: `${op}, ${how}`,
      op,
      inputs: [[2, 3, 4]],
      range: [-2, 2],
      build: (g, [a]) => g.apply(op, [a, g.integers(axes)], { keepdims: int(keep ? 1 : 0) }),
    }),
  );
  const absent = (name: string, attributes: Attributes): OperatorCase => ({
    name: `${op}, ${name}`,
    op,
    inputs: [[2, 3]],
    range: [-2, 2],
    build: (g, inputs) => g.apply(op, inputs, attributes),
  });
  const all = [...cases, absent('no axes', {})];
  return keepsOne ? [...all, absent('no axes, none reduced', { noop_with_empty_axes: int(1) })] : all;
}

/** Of one element, the gradient is that of the element itself. */
function single(op: Reduction): OperatorCase {
  return special(op, 'an axis of length 1', [[2, 1]], (g, [a]) => g.apply(op, [a, g.integers([1])]));
}

export const REDUCE_CASES: readonly OperatorCase[] = [
  ...reduction('ReduceSum'),
  ...reduction('ReduceMean'),
  ...reduction('ReduceMax'),
  ...reduction('ReduceMin'),
  ...reduction('ReduceProd'),
  ...reduction('ReduceL2', false),
  ...reduction('ReduceLogSumExp'),
  single('ReduceSum'),
  single('ReduceMax'),
];

/** Where whole numbers go in or come out, no gradient does. */
export const WHOLE_REDUCE_CASES: readonly OperatorCase[] = [
  ...(['ArgMax', 'ArgMin'] as const).flatMap((op) => [
    special(op, 'first axis', [[3, 4]], (g, inputs) => g.cast(g.apply(op, inputs), 'float32')),
    special(op, 'last axis, dropped', [[3, 4]], (g, inputs) =>
      g.cast(g.apply(op, inputs, { axis: int(-1), keepdims: int(0) }), 'float32'),
    ),
    // Rounded, so that the same value occurs more than once.
    ...[0, 1].map((last) =>
      special(op, `select_last_index ${last}`, [[3, 8]], (g, [a]) =>
        g.cast(
          g.apply(op, [g.apply('Round', [a])], { axis: int(1), select_last_index: int(last) }),
          'float32',
        ),
      ),
    ),
  ]),
  ...(['ReduceSum', 'ReduceMax', 'ReduceMin', 'ReduceProd'] as const).flatMap((op) =>
    (['int32', 'int64'] as const).map((dtype) =>
      special(
        op,
        `of ${dtype}`,
        [[2, 3, 4]],
        (g, [a]) => g.cast(g.apply(op, [g.cast(a as Value, dtype), g.integers([0, 2])]), 'float32'),
        [-4, 4],
      ),
    ),
  ),
];
