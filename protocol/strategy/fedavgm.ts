/**
 * FedAvgM: FedAvg with momentum on the server. SPEC.md 7.3; Hsu, Qi, Brown, "Measuring the Effects of Non-Identical
 * Data Distribution for Federated Visual Classification", 2019.
 *
 *   v <- beta * v + delta,  w <- w + eta * v,  v = 0 before the first round
 *
 * The paper subtracts a v of the opposite sign: its update points from the trained model to the old one.
 */
import type { FedAvgM } from '../../schemas/strategy.ts';
import { defineStrategy, type Strategy } from './strategy.ts';

export function fedAvgM(spec: FedAvgM): Strategy {
  const eta = spec.serverLearningRate;
  const beta = spec.momentum;
  return defineStrategy({
    blocks: 1,
    initial: () => 0,
    step(model, mean, [velocity], next, [nextVelocity]) {
      if (!velocity || !nextVelocity) throw new RangeError('no velocity');
      advance(model, mean, velocity, next, nextVelocity, eta, beta);
    },
  });
}

function advance(
  model: Float32Array,
  mean: Float64Array,
  velocity: Float32Array,
  next: Float32Array,
  nextVelocity: Float32Array,
  eta: number,
  beta: number,
): void {
  for (let i = 0; i < model.length; i += 1) {
    const v = Math.fround(beta * (velocity[i] as number) + (mean[i] as number));
    nextVelocity[i] = v;
    next[i] = (model[i] as number) + eta * v;
  }
}
