// covers: client/graph/models/bag.ts, client/graph/models/transformer.ts, client/graph/models/layers.ts
import { describe, expect, it } from 'vitest';
import { compileEvaluation, evaluationGraph } from '../../../../client/graph/compile-evaluation.ts';
import { compileTrainStep, trainStepGraph } from '../../../../client/graph/compile-train-step.ts';
import type { ForwardGraph } from '../../../../client/graph/forward-graph.ts';
import { checkGradients } from '../../../../client/graph/gradient-check.ts';
import { bag } from '../../../../client/graph/models/bag.ts';
import { transformer } from '../../../../client/graph/models/transformer.ts';
import { parameterCount } from '../../../../client/graph/parameters.ts';
import { interpret } from '../../../../client/graph/reference/interpreter.ts';
import type { NdArray } from '../../../../client/graph/reference/nd-array.ts';
import { hasRuntime, load32 } from '../onnx-runtime.ts';
import { labels, numbers, worstDifference } from '../random-arrays.ts';
import { feedsOf, initialTensors } from '../training-data.ts';

const TEXT = { vocabulary: 11, length: 5, width: 8, classes: 3 };
const LOSS = { type: 'softmax_ce' } as const;

const MODELS: readonly (readonly [string, () => ForwardGraph, number])[] = [
  ['bag', () => bag(numbers(1), TEXT), 11 * 8 + 8 * 3 + 3],
  [
    'transformer',
    () => transformer(numbers(1), { ...TEXT, heads: 2, blocks: 2 }),
    // Tables, per block two norms, four projections and two dense layers, the last norm, the head.
    (11 + 5) * 8 + 2 * (4 * 8 + 4 * (64 + 8) + (8 * 32 + 32) + (32 * 8 + 8)) + 16 + (8 * 3 + 3),
  ],
];

/** Tokens [4, 5] of which the last of each row are padding. */
function texts() {
  const { data } = labels(numbers(2), 20, 10);
  return { shape: [4, 5], data: data.map((token, at) => (at % 5 > 2 ? 0 : token + 1)) };
}

describe.each(MODELS)('%s', (_, build, parameters) => {
  const batch = () => ({
    x: texts(),
    y: { shape: [4], data: Int32Array.of(0, 2, 1, 2) },
    weight: { shape: [4], data: new Float64Array(4).fill(1) },
  });

  it('has as many parameters as its parts, the same for the same seed', () => {
    expect(parameterCount(build())).toBe(parameters);
    expect(build().parameters).toEqual(build().parameters);
  });

  it('has right gradients', async () => {
    const options = { loss: LOSS, batchSize: 3, coordinates: 8, random: numbers(3) };
    for (const { worstError } of await checkGradients(build(), options))
      expect(worstError).toBeLessThan(1e-6);
  });

  it.skipIf(!hasRuntime)('takes the step in ONNX Runtime that the interpreter takes', async () => {
    const forward = build();
    const options = { loss: LOSS, optimizer: { type: 'sgd' }, batchSize: 4 } as const;
    const step = compileTrainStep(forward, options);
    const feeds = feedsOf(initialTensors(forward, step), batch(), 0.1);
    const native = await (await load32(step.bytes))(feeds);
    const expected = interpret(trainStepGraph(forward, options), feeds as Map<string, NdArray>);
    for (const [name, { data }] of expected)
      expect(worstDifference(native.get(name) ?? [], data)).toBeLessThan(1e-5);
  });

  it('the order of words counts in the transformer alone, and padding in neither mean', () => {
    const forward = build();
    const options = { loss: LOSS, batchSize: 4 };
    const evaluation = compileEvaluation(forward, options);
    const graph = evaluationGraph(forward, options);
    const lossOf = (x: NdArray | { shape: number[]; data: Int32Array }) =>
      interpret(
        graph,
        feedsOf(initialTensors(forward, evaluation), { ...batch(), x }) as Map<string, NdArray>,
      ).get('lossSum')?.data[0] ?? Number.NaN;
    const { shape, data } = texts();
    const swapped = data.map((_, at) => data[at % 5 === 0 ? at + 1 : at % 5 === 1 ? at - 1 : at] ?? 0);
    const moved = Math.abs(lossOf({ shape, data: swapped }) - lossOf({ shape, data }));
    if (forward.parameters.some(({ name }) => name.startsWith('positions')))
      expect(moved).toBeGreaterThan(1e-6);
    else expect(moved).toBeLessThan(1e-12);
  });
});

it('heads that do not divide the width are refused', () => {
  expect(() => transformer(numbers(1), { ...TEXT, heads: 4, blocks: 1 })).not.toThrow();
  expect(() => transformer(numbers(1), { ...TEXT, heads: 3, blocks: 1 })).toThrow(RangeError);
});
