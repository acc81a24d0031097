/**
 * Cases of operators that only arrange elements.
 */
import { int, ints } from '../../../../client/graph/attribute.ts';
import type { Value } from '../../../../client/graph/graph.ts';
import type { GraphBuilder } from '../../../../client/graph/graph-builder.ts';
import type { Operator } from '../../../../client/graph/shapes/shape-rules.ts';
import type { OperatorCase } from './operator-case.ts';

function view(
  op: Operator,
  name: string,
  shape: readonly number[],
  build: (g: GraphBuilder, value: Value) => Value,
): OperatorCase {
  return {
    name: `${op}, ${name}`,
    op,
    inputs: [shape],
    range: [-2, 2],
    build: (g, [a]) => build(g, a as Value),
  };
}

export const VIEW_CASES: readonly OperatorCase[] = [
  view('Reshape', 'free axis', [2, 6], (g, a) => g.apply('Reshape', [a, g.integers([3, -1])])),
  view('Reshape', 'axis copied', [2, 6], (g, a) => g.apply('Reshape', [a, g.integers([0, 2, 3])])),
  view('Flatten', 'default axis', [2, 3, 2], (g, a) => g.apply('Flatten', [a])),
  view('Flatten', 'negative axis', [2, 3, 2], (g, a) => g.apply('Flatten', [a], { axis: int(-1) })),
  view('Squeeze', 'given axes', [2, 1, 3, 1], (g, a) => g.apply('Squeeze', [a, g.integers([-1])])),
  view('Squeeze', 'all axes', [2, 1, 3, 1], (g, a) => g.apply('Squeeze', [a])),
  view('Unsqueeze', 'two axes', [2, 3], (g, a) => g.apply('Unsqueeze', [a, g.integers([0, -1])])),
  view('Transpose', 'reversed', [2, 3, 4], (g, a) => g.apply('Transpose', [a])),
  view('Transpose', 'cyclic', [2, 3, 4], (g, a) => g.apply('Transpose', [a], { perm: ints([1, 2, 0]) })),
  view('Expand', 'new and repeated axes', [3, 1], (g, a) => g.apply('Expand', [a, g.integers([2, 3, 4])])),
  view('Expand', 'to a smaller shape', [2, 3], (g, a) => g.apply('Expand', [a, g.integers([1, 3])])),
];
