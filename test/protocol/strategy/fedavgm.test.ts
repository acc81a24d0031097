import { expect, test } from 'vitest';
import { fedAvgM } from '../../../protocol/strategy/fedavgm.ts';

test('momentum accumulates, by hand', () => {
  const strategy = fedAvgM({ type: 'fedavgm', serverLearningRate: 0.5, momentum: 0.75 });
  expect(strategy.isStateless).toBe(false);
  const first = strategy.apply(strategy.init(2), Float32Array.of(1, 0), Float64Array.of(4, -8));
  expect([...first.state]).toEqual([4, -8]);
  expect([...first.model]).toEqual([3, -4]);
  const second = strategy.apply(first.state, first.model, Float64Array.of(1, 2));
  expect([...second.state]).toEqual([4, -4]);
  expect([...second.model]).toEqual([5, -6]);
});

test('without momentum it is FedAvg', () => {
  const strategy = fedAvgM({ type: 'fedavgm', serverLearningRate: 1, momentum: 0 });
  const first = strategy.apply(strategy.init(1), Float32Array.of(1), Float64Array.of(4));
  const second = strategy.apply(first.state, first.model, Float64Array.of(-2));
  expect(second.model[0]).toBe(3);
});
