/**
 * Absolute error, averaged over the E elements of an example: l = sum_e |o_e - y_e| / E, gradient sign(o - y) / E,
 * which is 0 where they are equal.
 */
import { elementwiseLoss } from './elementwise-loss.ts';

export const MEAN_ABSOLUTE_ERROR = elementwiseLoss('outputs [B, ...]', (g, output, target) => {
  const difference = g.sub(output, target);
  return {
    loss: g.apply('Abs', [difference]),
    slope(factor) {
      const zero = g.scalar(0);
      const above = g.where(g.apply('Greater', [difference, zero]), factor, zero);
      const below = g.where(g.apply('Greater', [zero, difference]), factor, zero);
      return g.sub(above, below);
    },
  };
});
