/**
 * Gradient descent with momentum: v' = mu v + g, p' = p - lr v'. Sutskever et al., ICML 2013, in the form PyTorch
 * uses, where the learning rate multiplies the velocity and may change from round to round.
 */
import { type OptimizerRule, stateAt } from './optimizer-rule.ts';

/** @param mu in [0, 1) */
export function momentum(mu: number): OptimizerRule {
  return {
    stateNames: { perParameter: ['velocity'], shared: [] },
    beginStep(g, { learningRate, active }) {
      const decay = g.where(active, g.scalar(mu), g.scalar(1));
      const stepSize = g.where(active, learningRate, g.scalar(0));
      return {
        gradientScale: undefined,
        shared: [],
        update(parameter, gradient, state) {
          const velocity = g.add(g.mul(stateAt(state, 0), decay), gradient);
          return { parameter: g.sub(parameter, g.mul(velocity, stepSize)), state: [velocity] };
        },
      };
    },
  };
}
