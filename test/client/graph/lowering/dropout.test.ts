// covers: client/graph/lowering/dropout.ts, client/graph/lowering/lowering-rules.ts, client/graph/bind-mode.ts
import { describe, expect, it } from 'vitest';
import { evaluationGraph } from '../../../../client/graph/compile-evaluation.ts';
import { compilePrediction } from '../../../../client/graph/compile-prediction.ts';
import { compileTrainEpoch } from '../../../../client/graph/compile-train-epoch.ts';
import { compileTrainStep, trainStepGraph } from '../../../../client/graph/compile-train-step.ts';
import { interpret } from '../../../../client/graph/reference/interpreter.ts';
import type { NdArray } from '../../../../client/graph/reference/nd-array.ts';
import { hasRuntime, load32 } from '../onnx-runtime.ts';
import { feedsOf, initialTensors } from '../training-data.ts';
import { constantNode, type LayerNode, layerModel } from './layer-model.ts';

const ratio = (value: number) =>
  constantNode('ratio', { dtype: 'float32', shape: [], data: Float32Array.of(value) });
const mode = (isTraining: number) =>
  constantNode('mode', { dtype: 'bool', shape: [], data: Uint8Array.of(isTraining) });

/** @param inputs of the Dropout node, behind its data */
function dropoutModel(settings: readonly LayerNode[], inputs: readonly string[]) {
  const layer: LayerNode = { op: 'Dropout', inputs: ['scaled', ...inputs], output: 'layered' };
  return layerModel([2], { nodes: [...settings, layer] });
}

const forward = dropoutModel([ratio(0.25), mode(1)], ['ratio', 'mode']);
const options = { loss: { type: 'mse' }, optimizer: { type: 'sgd' }, batchSize: 2 } as const;
const batch = {
  x: { shape: [2, 2], data: Float64Array.of(1, 2, 3, 4) },
  y: { shape: [2, 2], data: Float64Array.of(0, 0, 0, 0) },
  weight: { shape: [2], data: Float64Array.of(1, 1) },
};

describe('dropout in training', () => {
  it('takes a mask for every step as an input', () => {
    const step = compileTrainStep(forward, options);
    expect(step.masks).toEqual([{ name: 'mask0', type: 'float32', shape: [2, 2], rate: 0.25 }]);
    expect(compileTrainEpoch(forward, options).masks).toEqual(step.masks);
    const twice = layerModel([2], {
      nodes: [
        ...[ratio(0.25), mode(1)],
        { op: 'Dropout', inputs: ['scaled', 'ratio', 'mode'], output: 'once' },
        { op: 'Dropout', inputs: ['once', '', 'mode'], output: 'layered' },
      ],
    });
    expect(compileTrainStep(twice, options).masks.map(({ name, rate }) => [name, rate])).toEqual([
      ['mask0', 0.25],
      // What the operator specification says where no ratio is given.
      ['mask1', 0.5],
    ]);
  });

  it.skipIf(!hasRuntime)('multiplies by the mask, and the gradient too', async () => {
    const step = compileTrainStep(forward, options);
    const mask = { shape: [2, 2], data: Float64Array.of(0, 4 / 3, 0, 4 / 3) };
    const feeds = feedsOf(initialTensors(forward, step), batch, 0.01).set('mask0', mask);
    // y = 6 x m: 16 and 32 where the mask is not 0. Loss (16^2 + 32^2) / 4; by a 2 (16 * 8 + 32 * 16) / 4.
    const results = interpret(trainStepGraph(forward, options), feeds as Map<string, NdArray>);
    expect(results.get('loss')?.data[0]).toBeCloseTo(320, 4);
    expect(results.get('a_next')?.data[0]).toBeCloseTo(2 - 0.01 * 320, 4);
    expect(results.get('b_next')?.data[0]).toBeCloseTo(3 - (0.01 * 640) / 3, 4);
    const native = await (await load32(step.bytes))(feeds);
    for (const [name, { data }] of results) expect(native.get(name)?.[0]).toBeCloseTo(data[0] ?? 0, 3);
  });

  it('is the identity at rate 0, and where the model was exported for use', () => {
    const plain = layerModel([2], { nodes: [{ op: 'Identity', inputs: ['scaled'], output: 'layered' }] });
    const expected = compileTrainStep(plain, options);
    const absent = [
      dropoutModel([ratio(0), mode(1)], ['ratio', 'mode']),
      dropoutModel([ratio(0.25), mode(0)], ['ratio', 'mode']),
      dropoutModel([ratio(0.25)], ['ratio']),
      dropoutModel([], []),
    ];
    for (const model of absent) {
      const step = compileTrainStep(model, options);
      expect(step.masks).toEqual([]);
      expect(step.bytes).toEqual(expected.bytes);
    }
    expect(compileTrainStep(forward, options).bytes).not.toEqual(expected.bytes);
  });

  it.each([
    ['a rate of 1', [ratio(1), mode(1)], ['ratio', 'mode']],
    ['a negative rate', [ratio(-0.5), mode(1)], ['ratio', 'mode']],
    ['a rate that is computed', [mode(1)], ['scaled', 'mode']],
  ] as const)('refuses %s', (_, settings, inputs) => {
    expect(() => compileTrainStep(forward, options)).not.toThrow();
    const model = dropoutModel(settings, inputs);
    expect(() => compileTrainStep(model, options)).toThrow(
      expect.objectContaining({ code: 'graphMalformed', message: expect.stringMatching(/Dropout.*ratio/) }),
    );
    // What is only used never drops, whatever the rate.
    expect(() => compilePrediction(model, { batchSize: 2 })).not.toThrow();
  });

  it('refuses a rate that is no number, as the importer does with every constant', () => {
    expect(() => dropoutModel([ratio(Number.NaN), mode(1)], ['ratio', 'mode'])).toThrow(
      expect.objectContaining({ code: 'graphMalformed' }),
    );
  });

  it('refuses a training mode that is not known', () => {
    expect(() => dropoutModel([ratio(0.25)], ['ratio', 'scaled'])).toThrow(
      expect.objectContaining({ code: 'graphMalformed', message: expect.stringMatching(/training_mode/) }),
    );
  });
});

it('a model in use drops nothing', () => {
  const { parameters } = compileTrainStep(forward, options);
  const feeds = feedsOf(initialTensors(forward, { parameters }), batch);
  const evaluated = interpret(evaluationGraph(forward, options), feeds as Map<string, NdArray>);
  // The mean of (6 x)^2 for each example, added up.
  expect(evaluated.get('lossSum')?.data[0]).toBe((36 * (1 + 4 + 9 + 16)) / 2);
  const prediction = compilePrediction(forward, { batchSize: 2 });
  expect(prediction.bytes).toEqual(compilePrediction(dropoutModel([], []), { batchSize: 2 }).bytes);
});
