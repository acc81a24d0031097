/**
 * FedAvg: the model moves by the mean update. SPEC.md 7.2; McMahan et al., AISTATS 2017, Algorithm 1.
 *
 *   w <- w + eta * delta
 *
 * With eta = 1 this is the weighted mean of the trained models, as in the paper.
 */
import type { FedAvg } from '../../schemas/strategy.ts';
import { defineStrategy, type Strategy } from './strategy.ts';

export function fedAvg(spec: FedAvg): Strategy {
  const eta = spec.serverLearningRate;
  return defineStrategy({
    blocks: 0,
    initial: () => 0,
    step: (model, mean, _state, next) => advance(model, mean, next, eta),
  });
}

function advance(model: Float32Array, mean: Float64Array, next: Float32Array, eta: number): void {
  for (let i = 0; i < model.length; i += 1) next[i] = (model[i] as number) + eta * (mean[i] as number);
}
