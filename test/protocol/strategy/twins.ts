/**
 * The strategies again, slow and obvious: one parameter at a time, from the formulas of the papers.
 */
import type { Strategy as StrategySpec } from '../../../schemas/strategy.ts';

/** The trajectory of one parameter under a sequence of mean updates, each step rounded to float32 as the protocol says. */
export function trajectory(spec: StrategySpec, start: number, means: readonly number[]): number[] {
  let w = Math.fround(start);
  let m = 0;
  let v = spec.type === 'fedadam' ? Math.fround(spec.tau ** 2) : 0;
  return means.map((delta) => {
    const eta = spec.serverLearningRate;
    switch (spec.type) {
      case 'fedavg':
        w = Math.fround(w + eta * delta);
        return w;
      case 'fedavgm':
        m = Math.fround(spec.momentum * m + delta);
        w = Math.fround(w + eta * m);
        return w;
      case 'fedadam':
        m = Math.fround(spec.beta1 * m + (1 - spec.beta1) * delta);
        v = Math.fround(spec.beta2 * v + (1 - spec.beta2) * (delta * delta));
        w = Math.fround(w + eta * (m / (Math.sqrt(v) + spec.tau)));
        return w;
      default:
        spec satisfies never;
        throw new Error('unreachable');
    }
  });
}
