import { expect, it } from 'vitest';
import { compileEvaluation, evaluationGraph } from '../../../client/graph/compile-evaluation.ts';
import { compilePrediction } from '../../../client/graph/compile-prediction.ts';
import { compileTrainEpoch } from '../../../client/graph/compile-train-epoch.ts';
import { compileTrainStep, trainStepGraph } from '../../../client/graph/compile-train-step.ts';
import { costOf } from '../../../client/graph/cost.ts';
import type { ForwardGraph } from '../../../client/graph/forward-graph.ts';
import { importModel } from '../../../client/graph/import-model.ts';
import { mlpBytes } from '../../../client/graph/models/mlp.ts';
import { numbers } from './random-arrays.ts';

const bytes = mlpBytes([20, 30, 10], numbers(1));
const loss = { type: 'softmax_ce' } as const;
const training = {
  loss,
  optimizer: { type: 'adam', beta1: 0.9, beta2: 0.999, epsilon: 1e-8 },
  batchSize: 16,
} as const;
const within = (memory: number) => importModel(bytes, { limits: { memory } });
const tooLarge = expect.objectContaining({
  code: 'graphTooLarge',
  detail: expect.objectContaining({ what: 'memory' }),
});

it('a graph is compiled up to the memory that it would take, and not beyond', () => {
  const forward = importModel(bytes);
  const cases: [number, (forward: ForwardGraph) => unknown][] = [
    [costOf(trainStepGraph(forward, training)).peakBytes, (of) => compileTrainStep(of, training)],
    [costOf(evaluationGraph(forward, training)).peakBytes, (of) => compileEvaluation(of, training)],
  ];
  for (const [memory, compile] of cases) {
    expect(() => compile(within(memory))).not.toThrow();
    expect(() => compile(within(memory - 1))).toThrow(tooLarge);
  }
});

it('whatever it is compiled for', () => {
  const compiled = [
    (of: ForwardGraph) => compileTrainEpoch(of, training),
    (of: ForwardGraph) => compilePrediction(of, training),
  ];
  for (const compile of compiled) {
    expect(() => compile(within(1_000_000))).not.toThrow();
    expect(() => compile(within(1000))).toThrow(tooLarge);
  }
});
