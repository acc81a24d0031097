/**
 * Cases of elements picked by indices and put where indices say. Indices that are computed come from the inputs
 * themselves: between -2 and 2, cut to integers, they are -1, 0 and 1 and do not change with a small step.
 */
import { int, string } from '../../../../client/graph/attribute.ts';
import type { Value } from '../../../../client/graph/graph.ts';
import type { GraphBuilder } from '../../../../client/graph/graph-builder.ts';
import { type OperatorCase, special } from './operator-case.ts';

function int32s(g: GraphBuilder, shape: number[], ...data: number[]): Value {
  return g.constant({ dtype: 'int32', shape, data: Int32Array.from(data) });
}

function gather(how: string, shape: number[], axis: number, indices: number[], of: number[]): OperatorCase {
  return special('Gather', how, [shape], (g, [a]) =>
    g.apply('Gather', [a, int32s(g, indices, ...of)], { axis: int(axis) }),
  );
}

function computed(g: GraphBuilder, from: Value, dtype: 'int32' | 'int64', shape: readonly number[]): Value {
  return g.reshape(g.cast(from, dtype), shape);
}

export const GATHER_CASES: readonly OperatorCase[] = [
  gather('one row', [4, 3], 0, [], [2]),
  gather('one row as a list', [4, 3], 0, [1], [-1]),
  gather('neighbours', [6, 2], 0, [2, 2], [1, 2, 3, 4]),
  gather('all of them', [3, 2], 0, [3], [0, 1, 2]),
  gather('repeated rows', [4, 3], 0, [2, 3], [1, 1, 0, -1, 3, 1]),
  gather('last axis', [2, 4], -1, [3], [2, 2, 0]),
  gather('one of the last axis', [2, 4], 1, [], [-2]),
  gather('middle axis', [2, 3, 2], 1, [2, 2], [2, 0, -3, 2]),
  gather('a long table', [130, 2], 0, [5], [129, 0, 129, -1, 64]),
  special('Gather', 'computed rows', [[4, 3]], (g, [a]) =>
    g.apply('Gather', [a, computed(g, a as Value, 'int64', [3, 4])]),
  ),
  special('Gather', 'computed rows of a long table', [[140, 1]], (g, [a]) =>
    g.apply('Gather', [a, computed(g, a as Value, 'int32', [10, 14])]),
  ),
  special('Gather', 'computed, last axis', [[2, 5]], (g, [a]) =>
    g.apply('Gather', [a, computed(g, a as Value, 'int64', [10])], { axis: int(-1) }),
  ),
  special('GatherElements', 'first axis', [[3, 2]], (g, [a]) =>
    g.apply('GatherElements', [a, int32s(g, [4, 2], 0, 1, 2, -1, 0, 0, 0, 1)]),
  ),
  special('GatherElements', 'last axis, fewer rows', [[3, 4]], (g, [a]) =>
    g.apply('GatherElements', [a, int32s(g, [2, 1], 3, -2)], { axis: int(-1) }),
  ),
  special('GatherElements', 'computed', [[3, 4]], (g, [a]) =>
    g.apply('GatherElements', [a, g.cast(a as Value, 'int64')], { axis: int(1) }),
  ),
  special(
    'ScatterElements',
    'replacing',
    [
      [3, 4],
      [2, 2],
    ],
    (g, [a, updates]) =>
      g.apply('ScatterElements', [a, int32s(g, [2, 2], 3, 0, -2, 1), updates], { axis: int(1) }),
  ),
  special(
    'ScatterElements',
    'adding, repeatedly',
    [
      [3, 2],
      [4, 2],
    ],
    (g, [a, updates]) => {
      const indices = int32s(g, [4, 2], 0, 1, 0, -1, 2, 2, 0, 1);
      return g.apply('ScatterElements', [a, indices, updates], { axis: int(0), reduction: string('add') });
    },
  ),
  special('ScatterElements', 'adding where it is computed', [[3, 4]], (g, [a]) => {
    const inputs = [a, g.cast(a as Value, 'int64'), a];
    return g.apply('ScatterElements', inputs, { axis: int(-1), reduction: string('add') });
  }),
];
