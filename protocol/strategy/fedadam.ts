/**
 * FedAdam: Adam on the server. SPEC.md 7.4; Reddi et al., "Adaptive Federated Optimization", ICLR 2021, Algorithm 2.
 *
 *   m <- beta1 * m + (1 - beta1) * delta
 *   v <- beta2 * v + (1 - beta2) * delta^2
 *   w <- w + eta * m / (sqrt(v) + tau),   m = 0 and v = tau^2 before the first round
 *
 * As in the paper there is no bias correction: with v starting at tau^2, the least value that the paper permits, the
 * first steps are damped by small moments instead.
 */
import type { FedAdam } from '../../schemas/strategy.ts';
import { defineStrategy, type Strategy } from './strategy.ts';

export function fedAdam(spec: FedAdam): Strategy {
  const { tau } = spec;
  const MEAN_SQUARE = 1;
  return defineStrategy({
    blocks: 2,
    initial: (block) => (block === MEAN_SQUARE ? tau * tau : 0),
    step(model, mean, [first, second], next, [nextFirst, nextSecond]) {
      if (!first || !second || !nextFirst || !nextSecond) throw new RangeError('no moments');
      advance(model, mean, [first, second], next, [nextFirst, nextSecond], spec);
    },
  });
}

type Moments = readonly [first: Float32Array, second: Float32Array];

function advance(
  model: Float32Array,
  mean: Float64Array,
  [first, second]: Moments,
  next: Float32Array,
  [nextFirst, nextSecond]: Moments,
  { serverLearningRate: eta, beta1, beta2, tau }: FedAdam,
): void {
  for (let i = 0; i < model.length; i += 1) {
    const delta = mean[i] as number;
    const m = Math.fround(beta1 * (first[i] as number) + (1 - beta1) * delta);
    const v = Math.fround(beta2 * (second[i] as number) + (1 - beta2) * (delta * delta));
    nextFirst[i] = m;
    nextSecond[i] = v;
    next[i] = (model[i] as number) + eta * (m / (Math.sqrt(v) + tau));
  }
}
