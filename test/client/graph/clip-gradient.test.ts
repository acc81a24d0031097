import { describe, expect, it } from 'vitest';
import { clipGradient } from '../../../client/graph/clip-gradient.ts';
import { compileTrainStep, trainStepGraph } from '../../../client/graph/compile-train-step.ts';
import { GraphBuilder } from '../../../client/graph/graph-builder.ts';
import { mlp } from '../../../client/graph/models/mlp.ts';
import { interpret } from '../../../client/graph/reference/interpreter.ts';
import type { NdArray } from '../../../client/graph/reference/nd-array.ts';
import type { Optimizer } from '../../../schemas/training.ts';
import { numbers, worstDifference } from './random-arrays.ts';
import { drawBatch, feedsOf, initialTensors } from './training-data.ts';

/** The gradients [3, 0] and [[4]], of norm 5 together, after clipping; the one between them does not exist. */
function clipped(maxNorm: number, scale = 1): number[] {
  const g = new GraphBuilder('clip');
  const row = g.input('row', 'float32', [2]);
  const cell = g.input('cell', 'float32', [1, 1]);
  const [first, missing, last] = clipGradient(g, [row, undefined, cell], maxNorm);
  if (!first || !last) throw new Error('unreachable');
  expect(missing).toBeUndefined();
  const graph = g.finish([
    { name: 'first', value: first },
    { name: 'last', value: last },
  ]);
  const results = interpret(
    graph,
    new Map<string, NdArray>([
      ['row', { shape: [2], data: Float64Array.of(3 * scale, 0) }],
      ['cell', { shape: [1, 1], data: Float64Array.of(4 * scale) }],
    ]),
  );
  return ['first', 'last'].flatMap((name) => Array.from(results.get(name)?.data ?? []));
}

describe('clipGradient', () => {
  it('leaves what is short enough exactly as it is', () => {
    expect(clipped(6)).toEqual([3, 0, 4]);
    expect(clipped(5.1)).toEqual([3, 0, 4]);
    expect(clipped(1, 0)).toEqual([0, 0, 0]);
  });

  it('scales what is longer to the norm, all parameters by one factor', () => {
    expect(worstDifference(clipped(2.5), [1.5, 0, 2])).toBeLessThan(1e-6);
    expect(worstDifference(clipped(2.5, 1000), [1.5, 0, 2])).toBeLessThan(1e-6);
    expect(Math.hypot(...clipped(0.01, 1000))).toBeCloseTo(0.01, 9);
  });

  it('has nothing to do without gradients', () => {
    const g = new GraphBuilder('none');
    expect(clipGradient(g, [undefined], 1)).toEqual([undefined]);
    expect(g.nodes).toHaveLength(0);
  });
});

describe('a step that clips', () => {
  const random = numbers(3);
  const forward = mlp([4, 3, 2], random);
  const loss = { type: 'softmax_ce' } as const;
  const names = ['dense0.weight', 'dense0.bias', 'dense1.weight', 'dense1.bias'];

  /** What a step adds to the parameters, flat. */
  function movedBy(optimizer: Optimizer, gradientClip?: number): number[] {
    const options = { loss, optimizer, batchSize: 3, gradientClip };
    const step = compileTrainStep(forward, options);
    const tensors = initialTensors(forward, step);
    const batch = drawBatch(numbers(4), step, 2);
    const results = interpret(
      trainStepGraph(forward, options),
      feedsOf(tensors, batch, 0.1) as Map<string, NdArray>,
    );
    return names.flatMap((name) =>
      Array.from(
        results.get(`${name}_next`)?.data ?? [],
        (next, at) => next - (tensors.get(name)?.data[at] ?? 0),
      ),
    );
  }

  it('moves by the clipped gradient, under descent and momentum alike', () => {
    for (const optimizer of [{ type: 'sgd' }, { type: 'momentum', momentum: 0.9 }] as const) {
      const whole = movedBy(optimizer);
      const norm = Math.hypot(...whole) / 0.1;
      expect(norm).toBeGreaterThan(0.1);
      expect(worstDifference(movedBy(optimizer, 2 * norm), whole)).toBeLessThan(1e-12);
      const half = movedBy(optimizer, norm / 2);
      expect(
        worstDifference(
          half,
          whole.map((change) => change / 2),
        ),
      ).toBeLessThan(1e-6);
      expect(Math.hypot(...half)).toBeCloseTo(0.05 * norm, 6);
    }
  });

  it('clips the gradient of the loss alone: weight decay comes on top', () => {
    const decayed = movedBy({ type: 'sgd', weightDecay: 0.5 }, 0.01);
    const plain = movedBy({ type: 'sgd' }, 0.01);
    const start = names.flatMap((name) =>
      Array.from(forward.parameters.find((parameter) => parameter.name === name)?.data ?? []),
    );
    const expected = plain.map((change, at) => change - 0.1 * 0.5 * (start[at] ?? 0));
    expect(worstDifference(decayed, expected)).toBeLessThan(1e-8);
    expect(worstDifference(decayed, plain)).toBeGreaterThan(1e-3);
  });
});
