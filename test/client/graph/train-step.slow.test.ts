/**
 * What a step does with weights, masses and padding, under every loss and every optimiser.
 */
import { describe, expect, it } from 'vitest';
import { compileEvaluation, evaluationGraph } from '../../../client/graph/compile-evaluation.ts';
import { compileTrainStep, trainStepGraph } from '../../../client/graph/compile-train-step.ts';
import { mlp } from '../../../client/graph/models/mlp.ts';
import { interpret } from '../../../client/graph/reference/interpreter.ts';
import type { NdArray } from '../../../client/graph/reference/nd-array.ts';
import type { TrainingOptions } from '../../../client/graph/train-step.ts';
import type { Loss, Optimizer } from '../../../schemas/training.ts';
import { type Feed, hasRuntime, load32 } from './onnx-runtime.ts';
import { numbers, worstDifference } from './random-arrays.ts';
import { positionWise, scaledTokens } from './sequence-model.ts';
import { type Batch, drawBatch, feedsOf, initialTensors } from './training-data.ts';

const CLASSES = 3;
const LOSSES: Loss[] = [
  { type: 'softmax_ce' },
  { type: 'softmax_ce', classWeights: [1, 0.5, 3], labelSmoothing: 0.1, ignoreIndex: 1 },
  { type: 'sequence_ce' },
  { type: 'sequence_ce', classWeights: [1, 0.5, 3], labelSmoothing: 0.1, ignoreIndex: 1 },
  { type: 'bce_logits' },
  { type: 'mse' },
  { type: 'mae' },
  { type: 'huber', delta: 0.5 },
];
const ADAM = { beta1: 0.9, beta2: 0.999, epsilon: 1e-8, weightDecay: 0.1 };
const OPTIMIZERS: Optimizer[] = [
  { type: 'sgd', weightDecay: 0.1 },
  { type: 'momentum', momentum: 0.9, weightDecay: 0.1 },
  { type: 'nesterov', momentum: 0.9, weightDecay: 0.1 },
  { type: 'adam', ...ADAM },
  { type: 'adamw', ...ADAM },
];
const PAIRS = LOSSES.flatMap((loss) => OPTIMIZERS.map((optimizer) => ({ loss, optimizer })));

function modelFor(loss: Loss) {
  return loss.type === 'sequence_ce'
    ? positionWise([3, 4, CLASSES], numbers(1))
    : mlp([4, 5, CLASSES], numbers(1));
}

/** A step in float64, from the model's parameters and a state that is not zero. */
function stepFrom(options: TrainingOptions, batch: Batch): Map<string, NdArray> {
  const forward = modelFor(options.loss);
  return interpret(trainStepGraph(forward, options), wide(feedsFor(options, batch)));
}

function feedsFor(options: TrainingOptions, batch: Batch): Map<string, Feed> {
  const forward = modelFor(options.loss);
  const step = compileTrainStep(forward, options);
  const tensors = initialTensors(forward, step);
  for (const { name, shape } of step.state)
    tensors.set(name, { shape, data: (tensors.get(name)?.data ?? new Float64Array()).map(() => 0.25) });
  return feedsOf(tensors, batch, 0.05);
}

function wide(feeds: ReadonlyMap<string, Feed>): Map<string, NdArray> {
  return new Map(
    [...feeds].map(([name, { shape, data }]) => [name, { shape, data: Float64Array.from(data) }]),
  );
}

/** Rows of a batch, in this order; a row may occur twice. */
function rowsOf(batch: Batch, rows: readonly number[]): Batch {
  const part = ({ shape, data }: Feed): Feed => {
    const size = data.length / (shape[0] ?? 1);
    const values = rows.flatMap((row) => Array.from(data.subarray(row * size, (row + 1) * size)));
    const typed = data instanceof Int32Array ? Int32Array.from(values) : Float64Array.from(values);
    return { shape: [rows.length, ...shape.slice(1)], data: typed };
  };
  return { x: part(batch.x), y: part(batch.y), weight: part(batch.weight) };
}

function weighing(batch: Batch, ...weights: number[]): Batch {
  return { ...batch, weight: { shape: [weights.length], data: Float64Array.from(weights) } };
}

function batchFor(loss: Loss, batchSize: number, seed: number): Batch {
  const border = compileEvaluation(modelFor(loss), { loss, batchSize });
  const batch = drawBatch(numbers(seed), border, CLASSES);
  // The first example is one that counts.
  if (batch.y.data instanceof Int32Array) batch.y.data[0] = 2;
  return batch;
}

function worstOf(got: ReadonlyMap<string, NdArray>, expected: ReadonlyMap<string, NdArray>): number {
  return Math.max(
    ...[...expected].map(([name, { data }]) => worstDifference(got.get(name)?.data ?? [], data)),
  );
}

describe.each(PAIRS)('$loss under $optimizer.type', ({ loss, optimizer }) => {
  it('is not changed by padding, whatever the padding holds', () => {
    const batch = batchFor(loss, 5, 3);
    const plain = stepFrom({ loss, optimizer, batchSize: 3 }, rowsOf(batch, [0, 1, 2]));
    const options = { loss, optimizer, batchSize: 5 };
    expect(worstOf(stepFrom(options, weighing(batch, 1, 1, 1, 0, 0)), plain)).toBeLessThan(1e-12);
    const scattered = rowsOf(weighing(batch, 1, 1, 1, 0, 0), [3, 0, 4, 1, 2]);
    expect(worstOf(stepFrom(options, scattered), plain)).toBeLessThan(1e-12);
    expect(worstOf(stepFrom(options, batch), plain)).toBeGreaterThan(1e-6);
  });

  it('takes an example of weight 2 as the same example twice', () => {
    const batch = batchFor(loss, 3, 4);
    const twice = stepFrom({ loss, optimizer, batchSize: 4 }, rowsOf(batch, [0, 0, 1, 2]));
    const options = { loss, optimizer, batchSize: 3 };
    expect(worstOf(stepFrom(options, weighing(batch, 2, 1, 1)), twice)).toBeLessThan(1e-12);
    expect(worstOf(stepFrom(options, weighing(batch, 20, 10, 10)), twice)).toBeLessThan(1e-12);
    expect(worstOf(stepFrom(options, batch), twice)).toBeGreaterThan(1e-6);
  });
});

describe.each(LOSSES)('%j', (loss) => {
  it('is the mean that evaluation reports', () => {
    const batch = weighing(batchFor(loss, 4, 5), 1, 0.5, 0, 3);
    const options = { loss, optimizer: { type: 'sgd' }, batchSize: 4 } as const;
    const feeds = wide(feedsFor(options, batch));
    const evaluated = interpret(evaluationGraph(modelFor(loss), options), feeds);
    const [lossSum = Number.NaN, weightSum = Number.NaN] = ['lossSum', 'weightSum'].map(
      (name) => evaluated.get(name)?.data[0],
    );
    expect(stepFrom(options, batch).get('loss')?.data[0]).toBeCloseTo(lossSum / weightSum, 12);
    expect(lossSum).toBeGreaterThan(0.1);
  });
});

/** Batches in which nothing counts, each for another reason. */
const IDLE: { why: string; loss: Loss; change: (batch: Batch) => Batch }[] = [
  ...LOSSES.map((loss) => ({
    why: `weights of 0, ${JSON.stringify(loss)}`,
    loss,
    change: (batch: Batch) => weighing(batch, 0, 0, 0),
  })),
  ...(['softmax_ce', 'sequence_ce'] as const).flatMap((type) => [
    {
      why: `every label ignored, ${type}`,
      loss: { type, ignoreIndex: -100, labelSmoothing: 0.1 },
      change: (batch: Batch) => ({ ...batch, y: { ...batch.y, data: batch.y.data.map(() => -100) } }),
    },
    {
      why: `every label of a class that weighs nothing, ${type}`,
      loss: { type, classWeights: [1, 0, 2], labelSmoothing: 0.1 },
      change: (batch: Batch) => ({ ...batch, y: { ...batch.y, data: batch.y.data.map(() => 1) } }),
    },
  ]),
];

describe.each(IDLE)('nothing that counts: $why', ({ loss, change }) => {
  it.skipIf(!hasRuntime).each(OPTIMIZERS)(
    'loss 0, and nothing moves by a bit under $type',
    async (optimizer) => {
      for (const gradientClip of [undefined, 1]) {
        const options = { loss, optimizer, batchSize: 3, gradientClip };
        const batch = batchFor(loss, 3, 6);
        const run = await load32(compileTrainStep(modelFor(loss), options).bytes);
        const feeds = feedsFor(options, change(batch));
        const idle = await run(feeds);
        const busy = await run(feedsFor(options, batch));
        expect(idle.get('loss')).toEqual(Float32Array.of(0));
        expect(busy.get('loss')?.[0]).toBeGreaterThan(0);
        const carried = [...idle.keys()].filter((name) => name !== 'loss');
        expect(carried.length).toBeGreaterThan(1);
        for (const name of carried) {
          const before = Float32Array.from(feeds.get(name.replace(/_next$/, ''))?.data ?? []);
          // Adding 0 makes a negative zero a positive one.
          expect(idle.get(name)?.map((value) => value + 0)).toEqual(before.map((value) => value + 0));
          expect(busy.get(name)).not.toEqual(before);
        }
      }
    },
  );
});

it('an ignored label makes an example what padding is', () => {
  const loss: Loss = { type: 'softmax_ce', ignoreIndex: -1 };
  const optimizer = { type: 'sgd' } as const;
  const batch = batchFor(loss, 3, 7);
  const ignored = { ...batch, y: { ...batch.y, data: batch.y.data.with(1, -1) as Int32Array } };
  const without = stepFrom({ loss, optimizer, batchSize: 2 }, rowsOf(batch, [0, 2]));
  expect(worstOf(stepFrom({ loss, optimizer, batchSize: 3 }, ignored), without)).toBeLessThan(1e-12);
});

describe.each(['int32', 'int64'] as const)('a model of %s tokens', (dtype) => {
  it.skipIf(!hasRuntime)('is fed with int32', async () => {
    const forward = scaledTokens(2, dtype);
    const options = { loss: { type: 'mse' }, optimizer: { type: 'sgd' }, batchSize: 2 } as const;
    const step = compileTrainStep(forward, options);
    expect(step.input).toEqual({ name: 'x', type: 'int32', shape: [2, 2] });
    const feeds = feedsOf(
      initialTensors(forward, step),
      {
        x: { shape: [2, 2], data: Int32Array.of(1, 0, -3, 7) },
        y: { shape: [2, 2], data: Float64Array.of(1, 0, 0, 0) },
        weight: { shape: [2], data: Float64Array.of(1, 0) },
      },
      0.25,
    );
    // The error is 1 at the first token and 0 at the second: loss 1/2, slope 1.
    const results = await (await load32(step.bytes))(feeds);
    expect(results.get('loss')).toEqual(Float32Array.of(0.5));
    expect(results.get('w_next')).toEqual(Float32Array.of(1.75));
    expect(interpret(trainStepGraph(forward, options), wide(feeds)).get('w_next')?.data[0]).toBe(1.75);
  });
});
