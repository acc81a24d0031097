/**
 * Stochastic gradient descent, p' = p - lr (g + l p), with weight decay l.
 *
 * The factor -lr goes into the loss gradient where it may, which has [B, C] numbers to multiply instead of one per
 * parameter; backpropagation is linear, so what arrives is the step itself and p' = p (1 - lr l) + step.
 */
import type { OptimizerRule } from './optimizer-rule.ts';
import { decoupledDecay } from './weight-decay.ts';

/** @param weightDecay l >= 0; without momentum its two forms are the same */
export function sgd(weightDecay: number): OptimizerRule {
  return {
    stateNames: { perParameter: [], shared: [] },
    beginStep(g, scalars) {
      const { learningRate, isScalable } = scalars;
      const decayed = decoupledDecay(g, scalars, weightDecay);
      const negative = g.apply('Neg', [learningRate]);
      return {
        gradientScale: isScalable ? negative : undefined,
        shared: [],
        update(parameter, gradient) {
          const step = isScalable ? gradient : g.mul(gradient, negative);
          return { parameter: g.add(decayed(parameter), step), state: [] };
        },
      };
    },
  };
}
