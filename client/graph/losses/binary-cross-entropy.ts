/**
 * Binary cross-entropy of logits z against targets y in [0, 1], averaged over the E elements of an example:
 * l = -y log sigmoid(z) - (1 - y) log(1 - sigmoid(z)) = max(z, 0) - z y + log(1 + exp(-|z|)),
 * the last form being finite for every finite z. The gradient is (sigmoid(z) - y) / E.
 */
import { elementwiseLoss } from './elementwise-loss.ts';
import { alongBatch, elementsPerExample, type LossRule } from './loss-rule.ts';

export const BINARY_CROSS_ENTROPY: LossRule = {
  ...elementwiseLoss('logits [B, ...]', (g, logits, target) => {
    const decay = g.apply('Exp', [g.apply('Neg', [g.apply('Abs', [logits])])]);
    const softplus = g.apply('Log', [g.add(decay, g.scalar(1))]);
    const linear = g.sub(g.apply('Relu', [logits]), g.mul(logits, target));
    return {
      loss: g.add(linear, softplus),
      slope: (factor) => g.mul(g.sub(g.apply('Sigmoid', [logits]), target), factor),
    };
  }),

  /** The share of an example's elements whose logit is positive exactly where the target is over one half. */
  correct(g, logits, target, weight) {
    const share = g.mul(weight, g.scalar(1 / elementsPerExample(logits.shape)));
    const predicted = g.cast(g.apply('Greater', [logits, g.scalar(0)]), 'int32');
    const actual = g.cast(g.apply('Greater', [target, g.scalar(0.5)]), 'int32');
    const right = g.cast(g.apply('Equal', [predicted, actual]), 'float32');
    return {
      right: g.total(g.mul(right, alongBatch(g, share, logits.shape.length))),
      counted: g.total(weight),
    };
  },
};
