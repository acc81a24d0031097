/**
 * Cases of tensors laid side by side, and of tensors taken apart.
 */
import { int } from '../../../../client/graph/attribute.ts';
import type { Value } from '../../../../client/graph/graph.ts';
import type { GraphBuilder } from '../../../../client/graph/graph-builder.ts';
import { type OperatorCase, special } from './operator-case.ts';

function concat(how: string, axis: number, ...shapes: number[][]): OperatorCase {
  return special('Concat', how, shapes, (g, inputs) => g.apply('Concat', inputs, { axis: int(axis) }));
}

/** What a sum of the parts, each scaled by its number, and their squares make of them. */
function combined(g: GraphBuilder, parts: readonly Value[]): Value {
  const totals = parts.map((part, index) => g.mul(g.total(g.mul(part, part)), g.scalar(index + 1)));
  return totals.reduce((sum, total) => g.add(sum, total));
}

export const JOIN_CASES: readonly OperatorCase[] = [
  concat('of one', 0, [2, 3]),
  concat('first axis', 0, [2, 3], [1, 3]),
  concat('last axis, three', -1, [2, 1, 2], [2, 1, 3], [2, 1, 1]),
  concat('middle axis, one empty', 1, [2, 2, 2], [2, 0, 2], [2, 1, 2]),
  special('Concat', 'the same twice', [[2, 3]], (g, [a]) => g.apply('Concat', [a, a], { axis: int(1) })),
  special('Split', 'given lengths', [[5, 3]], (g, [a]) =>
    combined(g, g.applyAll('Split', [a, g.integers([2, 1, 2])])),
  ),
  special('Split', 'even parts of the last axis', [[2, 6]], (g, [a]) =>
    combined(g, g.applyAll('Split', [a], { axis: int(-1), num_outputs: int(3) })),
  ),
  special('Split', 'the last part shorter', [[5, 2]], (g, [a]) =>
    combined(g, g.applyAll('Split', [a], { num_outputs: int(2) })),
  ),
  special('Split', 'one part used', [[5, 2]], (g, [a]) => {
    const [, second] = g.applyAll('Split', [a, g.integers([1, 3, 1])]);
    return second as Value;
  }),
  special('Split', 'into one', [[3, 2]], (g, [a]) => g.apply('Split', [a], { num_outputs: int(1) })),
];
