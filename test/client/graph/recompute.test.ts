import { describe, expect, it } from 'vitest';
import { compileTrainStep, trainStepGraph } from '../../../client/graph/compile-train-step.ts';
import { mlp } from '../../../client/graph/models/mlp.ts';
import { interpret } from '../../../client/graph/reference/interpreter.ts';
import type { NdArray } from '../../../client/graph/reference/nd-array.ts';
import type { TrainingOptions } from '../../../client/graph/train-step.ts';
import { hasRuntime, load32 } from './onnx-runtime.ts';
import { numbers } from './random-arrays.ts';
import { drawBatch, feedsOf, initialTensors } from './training-data.ts';

const FORWARD = mlp([6, ...Array<number>(8).fill(5), 3], numbers(1));
const PLAIN: TrainingOptions = { loss: { type: 'softmax_ce' }, optimizer: { type: 'sgd' }, batchSize: 4 };

function feeds() {
  const step = compileTrainStep(FORWARD, PLAIN);
  return feedsOf(initialTensors(FORWARD, step), drawBatch(numbers(2), step, 3), 0.1);
}

function countOf(options: TrainingOptions, op: string): number {
  return trainStepGraph(FORWARD, options).nodes.filter((node) => node.op === op).length;
}

describe('a step whose forward segments are computed again', () => {
  it.each([2, 3, 5, 50])('in %i segments gives the same parameters to the bit', (segments) => {
    const expected = interpret(trainStepGraph(FORWARD, PLAIN), feeds() as Map<string, NdArray>);
    const results = interpret(
      trainStepGraph(FORWARD, { ...PLAIN, segments }),
      feeds() as Map<string, NdArray>,
    );
    expect(results).toEqual(expected);
  });

  it.skipIf(!hasRuntime)('and the same bits in ONNX Runtime', async () => {
    const plain = await (await load32(compileTrainStep(FORWARD, PLAIN).bytes))(feeds());
    const again = await (await load32(compileTrainStep(FORWARD, { ...PLAIN, segments: 3 }).bytes))(feeds());
    expect(again).toEqual(plain);
  });

  it('computes layers of all but the last segment twice', () => {
    const plain = countOf(PLAIN, 'Gemm');
    // Of the first six of nine layers, those whose result crosses a cut are kept.
    const again = countOf({ ...PLAIN, segments: 3 }, 'Gemm') - plain;
    expect(again).toBeGreaterThanOrEqual(3);
    expect(again).toBeLessThanOrEqual(6);
    expect(countOf({ ...PLAIN, segments: 1 }, 'Gemm')).toBe(plain);
  });

  it('compiles to the same bytes every time, and to others than without segments', () => {
    const bytes = () => compileTrainStep(FORWARD, { ...PLAIN, segments: 3 }).bytes;
    expect(bytes()).toEqual(bytes());
    expect(bytes()).not.toEqual(compileTrainStep(FORWARD, PLAIN).bytes);
  });
});
