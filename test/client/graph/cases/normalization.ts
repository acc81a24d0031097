/**
 * Cases of layer normalisation.
 */
import { float, int } from '../../../../client/graph/attribute.ts';
import type { Value } from '../../../../client/graph/graph.ts';
import type { GraphBuilder } from '../../../../client/graph/graph-builder.ts';
import { type OperatorCase, special } from './operator-case.ts';

/** All three outputs, so that gradients flow through each. */
function everything(g: GraphBuilder, inputs: readonly Value[], axis: number): Value {
  const [y, mean, inverse] = g.applyAll('LayerNormalization', inputs, { axis: int(axis) });
  return g.add(g.mul(y as Value, inverse as Value), mean as Value);
}

function ones(g: GraphBuilder, length: number): Value {
  return g.constant({ dtype: 'float32', shape: [length], data: new Float32Array(length).fill(1) });
}

export const NORMALIZATION_CASES: readonly OperatorCase[] = [
  special('LayerNormalization', 'scale and bias', [[2, 3, 4], [4], [4]], (g, inputs) =>
    g.apply('LayerNormalization', inputs),
  ),
  special('LayerNormalization', 'scale', [[3, 4], [4]], (g, inputs) =>
    g.apply('LayerNormalization', inputs, { axis: int(1), epsilon: float(0.5) }),
  ),
  special(
    'LayerNormalization',
    'two axes',
    [
      [2, 3, 4],
      [3, 4],
      [3, 4],
    ],
    (g, inputs) => g.apply('LayerNormalization', inputs, { axis: int(-2) }),
  ),
  special('LayerNormalization', 'a scale of ones', [[3, 4]], (g, [x]) =>
    g.apply('LayerNormalization', [x, ones(g, 4)]),
  ),
  special('LayerNormalization', 'mean and deviation', [[2, 3, 4], [4], [4]], (g, inputs) =>
    everything(g, inputs, -1),
  ),
  special('LayerNormalization', 'mean and deviation, a scale of ones', [[3, 4]], (g, [x]) =>
    everything(g, [x as Value, ones(g, 4)], 1),
  ),
  special(
    'LayerNormalization',
    'the mean alone',
    [[3, 4]],
    (g, [x]) => g.applyAll('LayerNormalization', [x, ones(g, 4)])[1] as Value,
  ),
];
