/**
 * Squared error, averaged over the E elements of an example: l = sum_e (o_e - y_e)^2 / E, gradient 2 (o - y) / E.
 */
import { elementwiseLoss } from './elementwise-loss.ts';

export const MEAN_SQUARED_ERROR = elementwiseLoss('outputs [B, ...]', (g, output, target) => {
  const difference = g.sub(output, target);
  return {
    loss: g.mul(difference, difference),
    slope(factor) {
      const weighted = g.mul(difference, factor);
      return g.add(weighted, weighted);
    },
  };
});
