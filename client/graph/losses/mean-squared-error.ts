/**
 * Squared error, averaged over the E elements of an example: l = sum_e (o_e - y_e)^2 / E, gradient 2 (o - y) / E.
 */
import { alongBatch, elementsPerExample, type LossRule } from './loss-rule.ts';

export const MEAN_SQUARED_ERROR: LossRule = {
  target(output) {
    return output.length === 0 ? 'outputs [B, ...]' : { type: 'float32', shape: output };
  },

  terms(g, output, target, coefficient) {
    const difference = g.sub(output, target);
    const share = g.mul(coefficient, g.scalar(1 / elementsPerExample(output.shape)));
    const weighted = g.mul(difference, alongBatch(g, share, output.shape.length));
    return {
      total: g.total(g.mul(weighted, difference)),
      gradient: () => g.add(weighted, weighted),
    };
  },

  /** A regression is never right or wrong: 0. */
  correct(g) {
    return g.scalar(0);
  },
};
