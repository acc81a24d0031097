import { expect, test } from 'vitest';
import { fedAvg } from '../../../protocol/strategy/fedavg.ts';

test('with a server learning rate of 1 the model becomes the mean of the trained models, by hand', () => {
  const strategy = fedAvg({ type: 'fedavg', serverLearningRate: 1 });
  // Two participants of equal weight trained (1, 2) to (2, 2) and to (4, -2): deltas (1, 0) and (3, -4).
  const next = strategy.apply(strategy.init(2), Float32Array.of(1, 2), Float64Array.of(2, -2));
  expect([...next.model]).toEqual([3, 0]);
  expect(next.state.length).toBe(0);
  expect(strategy.isStateless).toBe(true);
});

test('the server learning rate scales the step, by hand', () => {
  const strategy = fedAvg({ type: 'fedavg', serverLearningRate: 0.5 });
  const next = strategy.apply(strategy.init(2), Float32Array.of(1, 2), Float64Array.of(2, -2));
  expect([...next.model]).toEqual([2, 1]);
});

test('rounds once: the sum is formed in float64', () => {
  const strategy = fedAvg({ type: 'fedavg', serverLearningRate: 1 });
  const mean = 2 ** -24 + 2 ** -49;
  const next = strategy.apply(strategy.init(1), Float32Array.of(1), Float64Array.of(mean));
  // Rounding the mean to float32 first would give the tie 1 + 2^-24, which rounds to 1.
  expect(next.model[0]).toBe(1 + 2 ** -23);
  expect(Math.fround(1 + Math.fround(mean))).toBe(1);
});
