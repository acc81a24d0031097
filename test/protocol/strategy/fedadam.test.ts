import { expect, test } from 'vitest';
import { fedAdam } from '../../../protocol/strategy/fedadam.ts';

test('two steps by hand, without bias correction and with v starting at tau^2', () => {
  const strategy = fedAdam({
    type: 'fedadam',
    serverLearningRate: 3,
    beta1: 0.5,
    beta2: 0.75,
    tau: 2,
  });
  const start = strategy.init(1);
  expect([...start]).toEqual([0, 4]);
  // m = 0.5 * 0 + 0.5 * 12 = 6; v = 0.75 * 4 + 0.25 * 144 = 39.
  const first = strategy.apply(start, Float32Array.of(1), Float64Array.of(12));
  expect([...first.state]).toEqual([6, 39]);
  expect(first.model[0]).toBe(Math.fround(1 + (3 * 6) / (Math.sqrt(39) + 2)));
  // m = 0.5 * 6 + 0.5 * -2 = 2; v = 0.75 * 39 + 0.25 * 4 = 30.25, with root 5.5.
  const second = strategy.apply(first.state, Float32Array.of(1), Float64Array.of(-2));
  expect([...second.state]).toEqual([2, 30.25]);
  expect(second.model[0]).toBe(Math.fround(1 + (3 * 2) / 7.5));
});

test('a parameter that never moves stays, however small tau is', () => {
  const strategy = fedAdam({ type: 'fedadam', serverLearningRate: 1, beta1: 0.9, beta2: 0.99, tau: 1e-30 });
  const next = strategy.apply(strategy.init(1), Float32Array.of(7), Float64Array.of(0));
  expect(next.model[0]).toBe(7);
});

test('a second moment beyond float32 voids the attempt, although the model would be finite', () => {
  const strategy = fedAdam({ type: 'fedadam', serverLearningRate: 1, beta1: 0.9, beta2: 0.99, tau: 1 });
  const apply = (mean: number) => () =>
    strategy.apply(strategy.init(1), Float32Array.of(7), Float64Array.of(mean));
  expect(apply(1e15)).not.toThrow();
  expect(apply(1e30)).toThrow(expect.objectContaining({ code: 'aggregateInvalid' }));
});
