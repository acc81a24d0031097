/**
 * Huber loss with threshold delta > 0, averaged over the E elements of an example. Huber, Annals of Mathematical
 * Statistics 35 (1964). With e = o - y and c = min(|e|, delta):
 *
 *   l = sum c (|e| - c / 2) / E, gradient clip(e, -delta, delta) / E
 *
 * which is e^2 / 2 for |e| <= delta and grows with slope delta beyond.
 */
import { elementwiseLoss } from './elementwise-loss.ts';
import type { LossRule } from './loss-rule.ts';

export function huber(delta: number): LossRule {
  return elementwiseLoss('outputs [B, ...]', (g, output, target) => {
    const error = g.sub(output, target);
    const size = g.apply('Abs', [error]);
    const bounded = g.apply('Min', [size, g.scalar(delta)]);
    return {
      loss: g.mul(bounded, g.sub(size, g.mul(bounded, g.scalar(0.5)))),
      slope: (factor) =>
        g.mul(g.apply('Max', [g.apply('Min', [error, g.scalar(delta)]), g.scalar(-delta)]), factor),
    };
  });
}
