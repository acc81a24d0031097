import { beforeAll, describe, expect, test } from 'vitest';
import { chooseProvider } from '../../../client/engine/choose-provider.ts';
import { NODE_PROVIDERS } from '../../../client/engine/node-providers.ts';
import { importModel } from '../../../client/graph/import-model.ts';
import { initialParameters } from '../../../client/graph/parameters.ts';
import { LINE_QUESTION, lineParticipants, linePlan } from '../../../sim/examples/line.ts';
import { type SimulationResult, simulate } from '../../../sim/simulate.ts';

/** Federated averaging of full-batch gradient descent on y = a x + b, in plain numbers. */
function lineTwin(): { a: number; b: number } {
  const { rounds, training } = linePlan();
  const data = [
    [1, 2],
    [3, 4],
  ];
  let model = { a: 0, b: 0 };
  for (let round = 0; round < rounds; round += 1) {
    const trained = data.map((xs) => {
      let { a, b } = model;
      for (let epoch = 0; epoch < training.epochs; epoch += 1) {
        const errors = xs.map((x) => a * x + b - 2 * x);
        const slope = xs.reduce((sum, x, i) => sum + (errors[i] ?? 0) * x, 0);
        a -= training.learningRate * slope;
        b -= training.learningRate * errors.reduce((sum, error) => sum + error, 0);
      }
      return { a, b };
    });
    const [first, second] = trained;
    if (!first || !second) throw new Error('two participants');
    model = { a: (first.a + second.a) / 2, b: (first.b + second.b) / 2 };
  }
  return model;
}

test('two halves of four points on y = 2x', () => {
  expect(lineParticipants().map(({ features, targets }) => [[...features], [...targets]])).toEqual([
    [
      [1, 2],
      [2, 4],
    ],
    [
      [3, 4],
      [6, 8],
    ],
  ]);
});

describe.each(['cpu', 'wasm'] as const)('on %s', (name) => {
  let result: SimulationResult;

  beforeAll(async () => {
    const { provider } = await chooseProvider(name, { candidates: NODE_PROVIDERS });
    result = await simulate({
      plan: linePlan(),
      participants: lineParticipants(),
      provider,
      seed: 'line',
      signal: new AbortController().signal,
      onChange: () => false,
    });
  });

  test('f(5) is 10, and the model is that of the slow twin', () => {
    const [a = 0, b = 0] = initialParameters(importModel(result.model));
    expect(result.job.phase).toBe('finished');
    expect(Math.abs(a * LINE_QUESTION + b - 10)).toBeLessThan(0.1);
    const twin = lineTwin();
    expect(a).toBeCloseTo(twin.a, 3);
    expect(b).toBeCloseTo(twin.b, 3);
  });
});
