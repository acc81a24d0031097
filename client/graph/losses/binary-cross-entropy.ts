/**
 * Binary cross-entropy of logits z against targets y in [0, 1], averaged over the E elements of an example:
 * l = -y log sigmoid(z) - (1 - y) log(1 - sigmoid(z)) = max(z, 0) - z y + log(1 + exp(-|z|)),
 * the last form being finite for every finite z. The gradient is (sigmoid(z) - y) / E.
 */
import { alongBatch, elementsPerExample, type LossRule } from './loss-rule.ts';

export const BINARY_CROSS_ENTROPY: LossRule = {
  target(output) {
    return output.length === 0 ? 'logits [B, ...]' : { type: 'float32', shape: output };
  },

  terms(g, logits, target, coefficient) {
    const share = g.mul(coefficient, g.scalar(1 / elementsPerExample(logits.shape)));
    const column = alongBatch(g, share, logits.shape.length);
    const decay = g.apply('Exp', [g.apply('Neg', [g.apply('Abs', [logits])])]);
    const softplus = g.apply('Log', [g.add(decay, g.scalar(1))]);
    const linear = g.sub(g.apply('Relu', [logits]), g.mul(logits, target));
    return {
      total: g.total(g.mul(g.add(linear, softplus), column)),
      gradient: () => g.mul(g.sub(g.apply('Sigmoid', [logits]), target), column),
    };
  },

  /** The share of an example's elements whose logit is positive exactly where the target is over one half. */
  correct(g, logits, target, weight) {
    const share = g.mul(weight, g.scalar(1 / elementsPerExample(logits.shape)));
    const predicted = g.cast(g.apply('Greater', [logits, g.scalar(0)]), 'int32');
    const actual = g.cast(g.apply('Greater', [target, g.scalar(0.5)]), 'int32');
    const right = g.cast(g.apply('Equal', [predicted, actual]), 'float32');
    return g.total(g.mul(right, alongBatch(g, share, logits.shape.length)));
  },
};
