/**
 * Gradient descent with momentum: v' = mu v + g, p' = p - lr v', and Nesterov's variant p' = p - lr (g + mu v').
 * Sutskever et al., ICML 2013, in the form PyTorch uses, where the learning rate multiplies the velocity and may
 * change from step to step.
 */
import { type OptimizerRule, stateAt } from './optimizer-rule.ts';
import { coupledDecay } from './weight-decay.ts';

/** @param mu in [0, 1) @param weightDecay l >= 0, added to the gradient as l p */
export function momentum(mu: number, weightDecay: number, isNesterov: boolean): OptimizerRule {
  return {
    stateNames: { perParameter: ['velocity'], shared: [] },
    beginStep(g, scalars) {
      const { learningRate, active } = scalars;
      const keep = g.where(active, g.scalar(mu), g.scalar(1));
      const stepSize = g.where(active, learningRate, g.scalar(0));
      const decayed = coupledDecay(g, scalars, weightDecay);
      return {
        gradientScale: undefined,
        shared: [],
        update(parameter, gradient, state) {
          const slope = decayed(parameter, gradient);
          const velocity = g.add(g.mul(stateAt(state, 0), keep), slope);
          const direction = isNesterov ? g.add(slope, g.mul(velocity, keep)) : velocity;
          return { parameter: g.sub(parameter, g.mul(direction, stepSize)), state: [velocity] };
        },
      };
    },
  };
}
