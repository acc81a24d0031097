// covers: client/graph/compile-evaluation.ts, client/graph/compile-prediction.ts
import { describe, expect, it } from 'vitest';
import { compileEvaluation, evaluationGraph } from '../../../client/graph/compile-evaluation.ts';
import { compilePrediction } from '../../../client/graph/compile-prediction.ts';
import { writeForward } from '../../../client/graph/forward-writer.ts';
import { importModel } from '../../../client/graph/import-model.ts';
import { mlp } from '../../../client/graph/models/mlp.ts';
import { interpret } from '../../../client/graph/reference/interpreter.ts';
import type { NdArray } from '../../../client/graph/reference/nd-array.ts';
import { hasRuntime, load32 } from './onnx-runtime.ts';
import { numbers } from './random-arrays.ts';
import { drawBatch, feedsOf, initialTensors } from './training-data.ts';

describe('evaluation', () => {
  it('adds up over batches: sums, not means', () => {
    const random = numbers(1);
    const forward = mlp([4, 3], random);
    const whole = { loss: { type: 'softmax_ce' }, batchSize: 4 } as const;
    const half = { loss: { type: 'softmax_ce' }, batchSize: 2 } as const;
    const border = compileEvaluation(forward, whole);
    const batch = drawBatch(random, border, 3);
    const weight = { shape: [4], data: Float64Array.of(1, 0.5, 2, 0) };
    const tensors = initialTensors(forward, border);
    const run = (options: typeof whole | typeof half, start: number) => {
      const { batchSize } = options;
      const part = ({ shape, data }: { shape: readonly number[]; data: ArrayLike<number> }): NdArray => {
        const size = data.length / 4;
        const values = Array.from(data).slice(start * size, (start + batchSize) * size);
        return { shape: [batchSize, ...shape.slice(1)], data: Float64Array.from(values) };
      };
      const feeds = feedsOf(tensors, { x: part(batch.x), y: part(batch.y), weight: part(weight) });
      const results = interpret(evaluationGraph(forward, options), feeds as Map<string, NdArray>);
      return ['lossSum', 'correct', 'weightSum'].map((name) => results.get(name)?.data[0] ?? Number.NaN);
    };
    const [first, second, all] = [run(half, 0), run(half, 2), run(whole, 0)];
    all.forEach((value, index) => {
      expect((first[index] ?? 0) + (second[index] ?? 0)).toBeCloseTo(value, 12);
    });
    expect(all[2]).toBe(3.5);
    expect(all[0]).toBeGreaterThan(0);
  });

  it.skipIf(!hasRuntime)('counts as right exactly what the prediction gets right', async () => {
    const random = numbers(2);
    const forward = mlp([5, 4, 3], random);
    const evaluation = compileEvaluation(forward, { loss: { type: 'softmax_ce' }, batchSize: 6 });
    const prediction = compilePrediction(forward, { batchSize: 6 });
    expect(prediction.outputs).toEqual([{ name: 'output', type: 'float32', shape: [6, 3] }]);
    const batch = drawBatch(random, evaluation, 3);
    const tensors = initialTensors(forward, evaluation);
    const logits =
      (await (await load32(prediction.bytes))(feedsOf(tensors, { x: batch.x }))).get('output') ?? [];
    const predicted = Array.from({ length: 6 }, (_, row) => {
      const line = Array.from(logits).slice(row * 3, row * 3 + 3);
      return line.indexOf(Math.max(...line));
    });
    const run = await load32(evaluation.bytes);
    const correct = async (data: Int32Array) => {
      const results = await run(feedsOf(tensors, { ...batch, y: { shape: [6], data } }));
      return results.get('correct')?.[0];
    };
    expect(await correct(Int32Array.from(predicted))).toBe(6);
    expect(
      await correct(Int32Array.from(predicted, (label, row) => (row < 2 ? (label + 1) % 3 : label))),
    ).toBe(4);
    expect(await correct(Int32Array.from(predicted, (label) => (label + 1) % 3))).toBe(0);
  });

  it.skipIf(!hasRuntime).each(['mse', 'bce_logits'] as const)('runs under %s', async (type) => {
    const loss = { type };
    const random = numbers(3);
    const forward = mlp([5, 3], random);
    const evaluation = compileEvaluation(forward, { loss, batchSize: 4 });
    const feeds = feedsOf(initialTensors(forward, evaluation), drawBatch(random, evaluation, 0));
    const native = await (await load32(evaluation.bytes))(feeds);
    const expected = interpret(
      evaluationGraph(forward, { loss, batchSize: 4 }),
      feeds as Map<string, NdArray>,
    );
    for (const [name, { data }] of expected)
      expect(native.get(name)?.[0]).toBeCloseTo(data[0] ?? Number.NaN, 5);
    expect(expected.get('correct')?.data[0] === 0).toBe(type === 'mse');
  });
});

describe('prediction', () => {
  it.skipIf(!hasRuntime)('gives masks as int32, and outputs names of their own', async () => {
    const forward = importModel(
      writeForward({
        name: 'sign',
        input: { name: 'in', shape: [2] },
        parameters: [{ name: 'w', shape: [2], data: Float32Array.of(1, -1) }],
        nodes: [
          { op: 'Mul', inputs: ['in', 'w'], output: 'product' },
          { op: 'Greater', inputs: ['product', 'in'], output: 'x' },
        ],
        output: { name: 'x', shape: [2] },
      }),
    );
    const { bytes, outputs, parameters } = compilePrediction(forward, { batchSize: 1 });
    expect(outputs).toEqual([{ name: 'x_', type: 'int32', shape: [1, 2] }]);
    const feeds = feedsOf(initialTensors(forward, { parameters }), {
      x: { shape: [1, 2], data: Float64Array.of(3, -3) },
    });
    expect(Array.from((await (await load32(bytes))(feeds)).get('x_') ?? [])).toEqual([0, 1]);
  });
});
