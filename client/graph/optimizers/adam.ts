/**
 * Adam. Kingma and Ba, ICLR 2015, algorithm 1, with t the number of steps; and AdamW, Loshchilov and Hutter, ICLR
 * 2019, algorithm 2, which shrinks the parameter by lr l instead of adding l p to the gradient:
 *
 *   m' = b1 m + (1 - b1) g        v' = b2 v + (1 - b2) g^2
 *   p' = p - lr (m' / (1 - b1^t)) / (sqrt(v' / (1 - b2^t)) + eps)
 *
 * computed as p - s m' / (sqrt(v') + eps r2), with r2 = sqrt(1 - b2^t) and s = lr r2 / (1 - b1^t), which leaves
 * the corrections to scalars. In float32 the difference 1 - b^t loses its digits for b near 1; with
 * h = tanh(-t ln(b) / 2) it is 2 h / (1 + h), which does not.
 */
import type { Value } from '../graph.ts';
import type { GraphBuilder } from '../graph-builder.ts';
import { logarithm } from './logarithm.ts';
import { type OptimizerRule, stateAt } from './optimizer-rule.ts';
import { coupledDecay, decoupledDecay } from './weight-decay.ts';

export interface AdamSettings {
  /** In [0, 1). */
  readonly beta1: number;
  /** In [0, 1). */
  readonly beta2: number;
  /** > 0 */
  readonly epsilon: number;
  /** l >= 0 */
  readonly weightDecay: number;
  /** AdamW. */
  readonly isDecoupled: boolean;
}

export function adam({ beta1, beta2, epsilon, weightDecay, isDecoupled }: AdamSettings): OptimizerRule {
  return {
    stateNames: { perParameter: ['first_moment', 'second_moment'], shared: ['steps'] },
    beginStep(g, scalars, shared) {
      const { learningRate, active } = scalars;
      const ifActive = (value: number, otherwise: number) =>
        g.where(active, g.scalar(value), g.scalar(otherwise));
      const steps = g.add(stateAt(shared, 0), ifActive(1, 0));
      // Before the first active step there is nothing to correct, and 1 - b^0 must not divide.
      const t = g.apply('Max', [steps, g.scalar(1)]);
      const root = g.apply('Sqrt', [oneMinusPower(g, beta2, t)]);
      const stepSize = g.div(
        g.mul(g.where(active, learningRate, g.scalar(0)), root),
        oneMinusPower(g, beta1, t),
      );
      const floor = g.mul(root, g.scalar(epsilon));
      const [keep1, take1] = [ifActive(beta1, 1), ifActive(1 - beta1, 0)];
      const [keep2, take2] = [ifActive(beta2, 1), ifActive(1 - beta2, 0)];
      const withPenalty = coupledDecay(g, scalars, isDecoupled ? 0 : weightDecay);
      const shrunk = decoupledDecay(g, scalars, isDecoupled ? weightDecay : 0);
      return {
        gradientScale: undefined,
        shared: [steps],
        update(parameter, lossGradient, state) {
          const gradient = withPenalty(parameter, lossGradient);
          const first = g.add(g.mul(stateAt(state, 0), keep1), g.mul(gradient, take1));
          const square = g.mul(gradient, gradient);
          const second = g.add(g.mul(stateAt(state, 1), keep2), g.mul(square, take2));
          const direction = g.div(first, g.add(g.apply('Sqrt', [second]), floor));
          return { parameter: g.sub(shrunk(parameter), g.mul(direction, stepSize)), state: [first, second] };
        },
      };
    },
  };
}

/** 1 - base^t for base in [0, 1) and t >= 1, to float32 precision. */
function oneMinusPower(g: GraphBuilder, base: number, t: Value): Value {
  if (base === 0) return g.scalar(1);
  const h = g.apply('Tanh', [g.mul(t, g.scalar(-logarithm(base) / 2))]);
  return g.div(g.add(h, h), g.add(h, g.scalar(1)));
}
