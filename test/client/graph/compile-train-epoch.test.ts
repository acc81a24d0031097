import { describe, expect, it } from 'vitest';
import { compileTrainEpoch } from '../../../client/graph/compile-train-epoch.ts';
import { compileTrainStep } from '../../../client/graph/compile-train-step.ts';
import { linear } from '../../../client/graph/models/linear.ts';
import { mlp } from '../../../client/graph/models/mlp.ts';
import type { Optimizer } from '../../../schemas/training.ts';
import { type Feed, hasRuntime, load32 } from './onnx-runtime.ts';
import { numbers } from './random-arrays.ts';
import { drawBatch, feedsOf, initialTensors, stackBatches } from './training-data.ts';

const OPTIMIZERS: Optimizer[] = [
  { type: 'sgd' },
  { type: 'sgd', weightDecay: 0.1 },
  { type: 'momentum', momentum: 0.9, weightDecay: 0.1 },
  { type: 'nesterov', momentum: 0.9, weightDecay: 0.1 },
  { type: 'adam', beta1: 0.9, beta2: 0.999, epsilon: 1e-8, weightDecay: 0.1 },
  { type: 'adamw', beta1: 0.9, beta2: 0.999, epsilon: 1e-8, weightDecay: 0.1 },
];

describe('an epoch', () => {
  it('has the border of its step', () => {
    const options = {
      loss: { type: 'softmax_ce' },
      optimizer: { type: 'momentum', momentum: 0.5 },
      batchSize: 4,
    } as const;
    const { bytes: stepBytes, kind: step, ...border } = compileTrainStep(mlp([3, 2], numbers(1)), options);
    const {
      bytes: epochBytes,
      kind: epoch,
      step: single,
      ...same
    } = compileTrainEpoch(mlp([3, 2], numbers(1)), options);
    expect(same).toEqual(border);
    expect(single().bytes).toEqual(stepBytes);
    expect([step, epoch]).toEqual(['step', 'epoch']);
    expect(epochBytes).not.toEqual(stepBytes);
    expect(compileTrainEpoch(mlp([3, 2], numbers(2)), options).bytes).toEqual(epochBytes);
  });

  it.skipIf(!hasRuntime).each(OPTIMIZERS)(
    'of $type is its steps one by one, to the bit',
    async (optimizer) => {
      const random = numbers(5);
      const forward = mlp([7, 6, 3], random);
      const options = { loss: { type: 'softmax_ce' }, optimizer, batchSize: 4 } as const;
      const step = compileTrainStep(forward, options);
      const epoch = await load32(compileTrainEpoch(forward, options).bytes);
      const single = await load32(step.bytes);
      // The number of steps is free: the same session runs one and five.
      for (const steps of [1, 5]) {
        const batches = Array.from({ length: steps }, () => drawBatch(random, step, 3));
        let tensors = initialTensors(forward, step);
        // Every step has a rate of its own.
        const rates = batches.map((_, index) => 0.05 / (index + 1));
        const whole = await epoch(feedsOf(tensors, stackBatches(batches), rates));
        const losses: number[] = [];
        for (const [index, batch] of batches.entries()) {
          const results = await single(feedsOf(tensors, batch, rates[index]));
          losses.push(results.get('loss')?.[0] ?? Number.NaN);
          tensors = new Map(
            [...tensors].map(([name, { shape }]): [string, Feed] => {
              const next = results.get(`${name}_next`) ?? new Float32Array();
              return [name, { shape, data: Float64Array.from(next) }];
            }),
          );
        }
        expect(whole.get('losses')).toEqual(Float32Array.from(losses));
        for (const [name, { data }] of tensors)
          expect(whole.get(`${name}_next`)).toEqual(Float32Array.from(data));
      }
    },
  );

  it.skipIf(!hasRuntime)('finds y = 2 x', async () => {
    const forward = linear(1, 1);
    const epoch = compileTrainEpoch(forward, {
      loss: { type: 'mse' },
      optimizer: { type: 'sgd' },
      batchSize: 4,
    });
    const x = [-1, -0.5, 0.5, 1];
    const batch = {
      x: { shape: [4, 1], data: Float64Array.from(x) },
      y: { shape: [4, 1], data: Float64Array.from(x, (value) => 2 * value) },
      weight: { shape: [4], data: new Float64Array(4).fill(1) },
    };
    const run = await load32(epoch.bytes);
    const batches = stackBatches(Array<typeof batch>(100).fill(batch));
    const results = await run(feedsOf(initialTensors(forward, epoch), batches, Array<number>(100).fill(0.2)));
    expect(results.get('linear.weight_next')?.[0]).toBeCloseTo(2, 5);
    expect(results.get('linear.bias_next')?.[0]).toBeCloseTo(0, 5);
    expect(results.get('losses')?.[0]).toBeCloseTo(2.5, 5);
    expect(results.get('losses')?.[99]).toBeLessThan(1e-10);
  });

  it.skipIf(!hasRuntime).each(OPTIMIZERS)(
    'of $type stands still in steps without weight',
    async (optimizer) => {
      const random = numbers(6);
      const forward = mlp([4, 3, 2], random);
      const epoch = compileTrainEpoch(forward, { loss: { type: 'softmax_ce' }, optimizer, batchSize: 3 });
      const idle = () => ({
        ...drawBatch(random, epoch, 2),
        weight: { shape: [3], data: new Float64Array(3) },
      });
      const busy = [drawBatch(random, epoch, 2), drawBatch(random, epoch, 2)] as const;
      const run = await load32(epoch.bytes);
      const tensors = initialTensors(forward, epoch);
      const [a, b] = busy;
      const interrupted = await run(
        feedsOf(
          tensors,
          stackBatches([idle(), a, idle(), idle(), b, idle()]),
          [0.09, 0.05, 0.09, 0.09, 0.01, 0.09],
        ),
      );
      const straight = await run(feedsOf(tensors, stackBatches([a, b]), [0.05, 0.01]));
      const [first, second] = straight.get('losses') ?? [];
      expect(Array.from(interrupted.get('losses') ?? [])).toEqual([0, first, 0, 0, second, 0]);
      for (const name of tensors.keys())
        expect(interrupted.get(`${name}_next`)).toEqual(straight.get(`${name}_next`));
      expect(straight.get('dense0.weight_next')).not.toEqual(
        Float32Array.from(tensors.get('dense0.weight')?.data ?? []),
      );
    },
  );
});
