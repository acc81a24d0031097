/**
 * Softmax cross-entropy of logits z [B, C] against labels y [B], l = log(sum_j exp z_j) - z_y.
 *
 * With T = c onehot(y), the rows of T sum to c, so the whole sum is one product, sum T (log s - z), where z is
 * shifted by its maximum and s = sum exp z. The gradient c softmax(z) - T reuses exp z and s. Built from operators
 * that every execution provider has: WebGPU knows neither LogSoftmax, OneHot nor int64 comparison.
 *
 * Labels are in 0..C-1; whoever loads data sees to that.
 */
import type { Value } from '../graph.ts';
import type { GraphBuilder } from '../graph-builder.ts';
import { axisLength } from '../tensor-type.ts';
import { alongBatch, type LossRule } from './loss-rule.ts';

/** [B, C], true where the column is the label. */
function isLabel(g: GraphBuilder, labels: Value, classes: number): Value {
  const columns = Int32Array.from({ length: classes }, (_, index) => index);
  const range = g.constant({ dtype: 'int32', shape: [classes], data: columns });
  return g.apply('Equal', [alongBatch(g, labels, 2), range]);
}

export const SOFTMAX_CROSS_ENTROPY: LossRule = {
  target(output) {
    if (output.length !== 2) return 'logits [B, C]';
    return { type: 'int32', shape: output.slice(0, 1) };
  },

  terms(g, logits, labels, coefficient) {
    const share = alongBatch(g, coefficient, 2);
    const weighted = g.mul(g.cast(isLabel(g, labels, axisLength(logits.shape, 1)), 'float32'), share);
    const shifted = g.sub(logits, g.reduce('ReduceMax', logits, [1], true));
    const exponential = g.apply('Exp', [shifted]);
    const sum = g.reduce('ReduceSum', exponential, [1], true);
    return {
      total: g.total(g.mul(weighted, g.sub(g.apply('Log', [sum]), shifted))),
      gradient: () => g.sub(g.mul(exponential, g.div(share, sum)), weighted),
    };
  },

  /** Right is who has its label at the first maximum; a row with NaN has no maximum and is wrong. */
  correct(g, logits, labels, weight) {
    const classes = axisLength(logits.shape, 1);
    const columns = Float32Array.from({ length: classes }, (_, index) => index);
    const range = g.constant({ dtype: 'float32', shape: [classes], data: columns });
    const isMaximum = g.apply('Equal', [logits, g.reduce('ReduceMax', logits, [1], true)]);
    const first = g.reduce('ReduceMin', g.where(isMaximum, range, g.scalar(classes)), [1], false);
    const right = g.apply('Equal', [first, g.cast(labels, 'float32')]);
    return g.total(g.mul(g.cast(right, 'float32'), weight));
  },
};
