/**
 * Stochastic gradient descent, p' = p - lr g.
 *
 * The factor -lr goes into the loss gradient, where there are [B, C] numbers to multiply instead of one per
 * parameter; backpropagation is linear, so what arrives is the step itself and p' = p + step.
 */
import type { OptimizerRule } from './optimizer-rule.ts';

export function sgd(): OptimizerRule {
  return {
    stateNames: { perParameter: [], shared: [] },
    beginStep: (g, { learningRate }) => ({
      gradientScale: g.apply('Neg', [learningRate]),
      shared: [],
      update: (parameter, step) => ({ parameter: g.add(parameter, step), state: [] }),
    }),
  };
}
