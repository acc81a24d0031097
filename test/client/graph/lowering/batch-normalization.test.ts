import { describe, expect, it } from 'vitest';
import { float, int } from '../../../../client/graph/attribute.ts';
import { evaluationGraph } from '../../../../client/graph/compile-evaluation.ts';
import { compilePrediction } from '../../../../client/graph/compile-prediction.ts';
import { compileTrainStep, trainStepGraph } from '../../../../client/graph/compile-train-step.ts';
import { checkGradients } from '../../../../client/graph/gradient-check.ts';
import { interpret } from '../../../../client/graph/reference/interpreter.ts';
import type { NdArray } from '../../../../client/graph/reference/nd-array.ts';
import { hasRuntime, load32 } from '../onnx-runtime.ts';
import { numbers, worstDifference } from '../random-arrays.ts';
import { type Batch, drawBatch, feedsOf, initialTensors } from '../training-data.ts';
import { layerModel } from './layer-model.ts';

const CHANNELS = 3;
const EPSILON = 1e-3;
/** As PyTorch counts it: the share of the batch. ONNX writes the share of what was before. */
const MOMENTUM = 0.2;
const START = {
  scale: Float32Array.of(1, 2, -0.5),
  bias: Float32Array.of(0, 1, -1),
  mean: Float32Array.of(0.5, -0.5, 0),
  variance: Float32Array.of(1, 0.25, 4),
};

/** @param example [C, ...] */
function normalized(example: readonly number[], isTraining: boolean) {
  const names = ['scale', 'bias', 'mean', 'variance'] as const;
  return layerModel(example, {
    parameters: names.map((name) => ({ name, shape: [CHANNELS], data: START[name] })),
    nodes: [
      {
        op: 'BatchNormalization',
        inputs: ['scaled', ...names],
        output: 'layered',
        attributes: {
          epsilon: float(EPSILON),
          momentum: float(1 - MOMENTUM),
          ...(isTraining && { training_mode: int(1) }),
        },
      },
    ],
  });
}

const options = { loss: { type: 'mse' }, optimizer: { type: 'sgd', weightDecay: 0.1 } } as const;

/** The values of one channel in the examples of weight, scaled by a = 2 as the layer sees them. */
function channelOf({ x, weight }: Batch, channel: number): number[] {
  const [, , ...positions] = x.shape;
  const width = positions.reduce((a, b) => a * b, 1);
  return Array.from(x.data, (value, at) => ({ value: 2 * value, at })).flatMap(({ value, at }) => {
    const row = Math.floor(at / (CHANNELS * width));
    return weight.data[row] && Math.floor(at / width) % CHANNELS === channel ? [value] : [];
  });
}

const mean = (values: readonly number[]) => values.reduce((a, b) => a + b, 0) / values.length;
const variance = (values: readonly number[]) => mean(values.map((value) => (value - mean(values)) ** 2));

function run(model: ReturnType<typeof normalized>, batch: Batch, batchSize: number): Map<string, NdArray> {
  const step = compileTrainStep(model, { ...options, batchSize });
  const feeds = feedsOf(initialTensors(model, step), batch, 0.1) as Map<string, NdArray>;
  return interpret(trainStepGraph(model, { ...options, batchSize }), feeds);
}

function drawFor(model: ReturnType<typeof normalized>, batchSize: number, seed: number): Batch {
  return drawBatch(numbers(seed), compileTrainStep(model, { ...options, batchSize }), 0);
}

/** The rows of a batch, each with this weight. */
function withWeights(batch: Batch, ...weights: number[]): Batch {
  return { ...batch, weight: { shape: [weights.length], data: Float64Array.from(weights) } };
}

function firstRows({ x, y, weight }: Batch, count: number): Batch {
  const part = ({ shape: [rows = 1, ...rest], data }: Batch['x']) => ({
    shape: [count, ...rest],
    data: data.subarray(0, (count * data.length) / rows),
  });
  return { x: part(x), y: part(y), weight: part(weight) };
}

describe('exported for use', () => {
  it('scales by the statistics of the model, which training leaves as they are', () => {
    const model = normalized([CHANNELS, 2], false);
    expect(model.parameters.map(({ name }) => name)).toEqual(['a', 'b', 'scale', 'bias']);
    const evaluated = interpret(
      evaluationGraph(model, { ...options, batchSize: 1 }),
      feedsOf(initialTensors(model, compilePrediction(model, { batchSize: 1 })), {
        x: { shape: [1, 3, 2], data: Float64Array.of(0.25, 0.25, 0.25, 0.25, 1, 1) },
        y: { shape: [1, 3, 2], data: new Float64Array(6) },
        weight: { shape: [1], data: Float64Array.of(1) },
      }) as Map<string, NdArray>,
    );
    // By hand: 0; 2 (0.5 + 0.5) / sqrt(0.251) + 1; -0.5 * 2 / sqrt(4.001) - 1; times 3, squared, averaged.
    const expected =
      9 * mean([0, (2 / Math.sqrt(0.25 + EPSILON) + 1) ** 2, (-1 / Math.sqrt(4 + EPSILON) - 1) ** 2]);
    // What is known is computed when the graph is built, in float32.
    expect(evaluated.get('lossSum')?.data[0]).toBeCloseTo(expected, 4);
  });

  it('has right gradients', async () => {
    const model = normalized([CHANNELS, 2], false);
    const checked = await checkGradients(model, {
      loss: { type: 'mse' },
      batchSize: 3,
      coordinates: 3,
      random: numbers(1),
    });
    expect(checked.map(({ name }) => name)).toEqual(['a', 'b', 'scale', 'bias']);
    for (const { worstError } of checked) expect(worstError).toBeLessThan(1e-6);
  });
});

describe.each([[[CHANNELS]], [[CHANNELS, 4]], [[CHANNELS, 2, 3]]])(
  'exported for training, examples %j',
  (example) => {
    const model = normalized(example, true);

    it('normalises by the batch: what it gives has the mean and the variance of its affine part', () => {
      const batch = drawFor(model, 5, 2);
      const twin = { ...batch, y: { shape: batch.y.shape, data: expectedOutput(batch, example) } };
      expect(run(model, twin, 5).get('loss')?.data[0]).toBeCloseTo(0, 9);
      expect(run(model, batch, 5).get('loss')?.data[0]).toBeGreaterThan(0.1);
    });

    it('moves the running statistics as PyTorch does, without a gradient and without weight decay', () => {
      const batch = drawFor(model, 5, 3);
      const step = compileTrainStep(model, { ...options, batchSize: 5 });
      expect(step.statistics).toEqual(['mean', 'variance']);
      const results = run(model, batch, 5);
      const channels = [0, 1, 2].map((channel) => channelOf(batch, channel));
      const means = channels.map(
        (values, c) => (1 - MOMENTUM) * (START.mean[c] ?? 0) + MOMENTUM * mean(values),
      );
      const variances = channels.map((values, c) => {
        const unbiased = (variance(values) * values.length) / (values.length - 1);
        return (1 - MOMENTUM) * (START.variance[c] ?? 0) + MOMENTUM * unbiased;
      });
      expect(worstDifference(results.get('mean_next')?.data ?? [], means)).toBeLessThan(1e-7);
      expect(worstDifference(results.get('variance_next')?.data ?? [], variances)).toBeLessThan(1e-7);
    });

    it('padding changes nothing: neither what is learnt nor the statistics', () => {
      const noisy = drawFor(model, 6, 4);
      const plain = run(model, firstRows(noisy, 4), 4);
      const padded = run(model, withWeights(noisy, 1, 1, 1, 1, 0, 0), 6);
      expect([...plain.keys()]).toContain('mean_next');
      for (const [name, { data }] of plain)
        expect(worstDifference(padded.get(name)?.data ?? [], data)).toBeLessThan(1e-9);
      const unpadded = run(model, noisy, 6);
      expect(
        worstDifference(unpadded.get('mean_next')?.data ?? [], plain.get('mean_next')?.data ?? []),
      ).toBeGreaterThan(1e-3);
    });

    it('has right gradients through mean and variance', async () => {
      const checked = await checkGradients(model, {
        loss: { type: 'mse' },
        batchSize: 4,
        coordinates: 3,
        random: numbers(5),
      });
      expect(checked.map(({ name }) => name)).toEqual(['a', 'b', 'scale', 'bias']);
      // The batch is normalised, so that scaling it by a changes next to nothing.
      for (const { name, worstError } of checked) expect(worstError).toBeLessThan(name === 'a' ? 1e-4 : 1e-6);
    });

    it.skipIf(!hasRuntime)('a batch without weight moves nothing, to the bit', async () => {
      const batch = drawFor(model, 3, 6);
      const { bytes, ...step } = compileTrainStep(model, { ...options, batchSize: 3 });
      const session = await load32(bytes);
      const tensors = initialTensors(model, step);
      const idle = await session(feedsOf(tensors, withWeights(batch, 0, 0, 0), 0.1));
      const busy = await session(feedsOf(tensors, batch, 0.1));
      expect(idle.get('loss')).toEqual(Float32Array.of(0));
      for (const [name, { data }] of tensors) {
        expect(idle.get(`${name}_next`)).toEqual(Float32Array.from(data));
        expect(busy.get(`${name}_next`)).not.toEqual(Float32Array.from(data));
      }
    });

    it('in use, the running statistics stand in for those of the batch', () => {
      const inUse = compilePrediction(model, { batchSize: 2 });
      const exported = normalized(example, false);
      const results = [model, exported].map((one) => {
        const feeds = feedsOf(
          initialTensors(one, compilePrediction(one, { batchSize: 2 })),
          drawFor(exported, 2, 7),
        );
        return interpret(evaluationGraph(one, { ...options, batchSize: 2 }), feeds as Map<string, NdArray>);
      });
      for (const [name, { data }] of results[0] ?? [])
        expect(worstDifference(data, results[1]?.get(name)?.data ?? []), name).toBeLessThan(1e-6);
      expect(inUse.parameters.map(({ name }) => name)).toEqual([
        'a',
        'b',
        'scale',
        'bias',
        'mean',
        'variance',
      ]);
    });
  },
);

/** 3 (scale (v - mean) / sqrt(variance + epsilon) + bias), by channel, with the statistics of the batch. */
function expectedOutput(batch: Batch, example: readonly number[]): Float64Array {
  const width = example.slice(1).reduce((a, b) => a * b, 1);
  const channels = [0, 1, 2].map((channel) => channelOf(batch, channel));
  return Float64Array.from(batch.x.data, (value, at) => {
    const channel = Math.floor(at / width) % CHANNELS;
    const values = channels[channel] ?? [];
    const centred = (2 * value - mean(values)) / Math.sqrt(variance(values) + Math.fround(EPSILON));
    return 3 * ((START.scale[channel] ?? 0) * centred + (START.bias[channel] ?? 0));
  });
}

describe('what is refused', () => {
  const batchNorm = (example: number[], length: number, attributes = {}) =>
    layerModel(example, {
      parameters: ['scale', 'bias', 'mean', 'variance'].map((name) => ({
        name,
        shape: [length],
        data: new Float32Array(length).fill(1),
      })),
      nodes: [
        {
          op: 'BatchNormalization',
          inputs: ['scaled', 'scale', 'bias', 'mean', 'variance'],
          output: 'layered',
          attributes,
        },
      ],
    });

  it('no channels, other channels, statistics of single positions', () => {
    const malformed = expect.objectContaining({ code: 'graphMalformed' });
    expect(() => batchNorm([3, 2], 3)).not.toThrow();
    expect(() => batchNorm([3, 2], 3, { spatial: int(1) })).not.toThrow();
    expect(() => batchNorm([3, 2], 3, { spatial: int(0) })).toThrow(malformed);
    expect(() => batchNorm([3, 2], 2)).toThrow(malformed);
    expect(() => batchNorm([], 1)).toThrow(malformed);
  });
});
