/**
 * Cases of operators that choose between their inputs.
 */
import { binary, type OperatorCase, special, unary } from './operator-case.ts';

function where(how: string, condition: number[], a: number[], b: number[]): OperatorCase {
  return special('Where', how, [condition, a, b], (g, [c, left, right]) =>
    g.apply('Where', [g.apply('Greater', [c, g.scalar(0)]), left, right]),
  );
}

export const SELECTION_CASES: readonly OperatorCase[] = [
  unary('Abs'),
  ...binary('Max'),
  ...binary('Min'),
  ...(['Max', 'Min'] as const).flatMap((op) => [
    special(op, 'of one', [[2, 3]], (g, inputs) => g.apply(op, inputs)),
    special(op, 'of four', [[2, 3], [3], [], [4, 1, 1]], (g, inputs) => g.apply(op, inputs)),
  ]),
  special('Clip', 'no bounds', [[2, 3]], (g, inputs) => g.apply('Clip', inputs)),
  special('Clip', 'two bounds', [[4, 3]], (g, [a]) => g.apply('Clip', [a, g.scalar(-1), g.scalar(0.5)])),
  special('Clip', 'upper bound', [[4, 3]], (g, [a]) => g.apply('Clip', [a, undefined, g.scalar(0.5)])),
  special('Clip', 'bounds that are computed', [[4, 3], [], []], (g, [a, b, c]) =>
    g.apply('Clip', [a, g.apply('Min', [b, c]), g.apply('Max', [b, c])]),
  ),
  where('same shape', [2, 3], [2, 3], [2, 3]),
  where('all broadcast', [2, 1, 1], [3, 1], [4]),
  where('condition of the largest shape', [2, 3], [], [3]),
];
