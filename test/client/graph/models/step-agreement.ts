/**
 * Is a model trained alike everywhere? One step on an execution provider against the interpreter in float64.
 */
import { expect } from 'vitest';
import { loadCpuProvider } from '../../../../client/engine/cpu.ts';
import type { ExecutionProvider, Tensors } from '../../../../client/engine/provider.ts';
import { loadWasmProvider } from '../../../../client/engine/wasm.ts';
import { compileTrainStep, trainStepGraph } from '../../../../client/graph/compile-train-step.ts';
import type { ForwardGraph } from '../../../../client/graph/forward-graph.ts';
import { interpret } from '../../../../client/graph/reference/interpreter.ts';
import { hasRuntime } from '../onnx-runtime.ts';
import { numbers, worstDifference } from '../random-arrays.ts';
import { drawBatch, feedsOf, initialTensors } from '../training-data.ts';

const LEARNING_RATE = 0.5;

type Load = () => Promise<ExecutionProvider>;

/** Those that this machine has, by name. */
export const PROVIDERS: readonly (readonly [string, Load])[] = [
  ['wasm', loadWasmProvider],
  ...(hasRuntime ? [['cpu', () => loadCpuProvider({ threads: 1 })] as const] : []),
];

/** Softmax cross-entropy and gradient descent on a batch drawn at random; `classes` bounds the labels. */
export async function expectStepAgreement(
  forward: ForwardGraph,
  { classes, batchSize }: { readonly classes: number; readonly batchSize: number },
  load: Load,
): Promise<void> {
  const options = { loss: { type: 'softmax_ce' }, optimizer: { type: 'sgd' }, batchSize } as const;
  const step = compileTrainStep(forward, options);
  const feeds = feedsOf(initialTensors(forward, step), drawBatch(numbers(8), step, classes), LEARNING_RATE);
  const wide = new Map(
    [...feeds].map(([name, { shape, data }]) => [name, { shape, data: Float64Array.from(data) }]),
  );
  const expected = interpret(trainStepGraph(forward, options), wide);

  const tensors: Tensors = Object.fromEntries(
    [...feeds].map(([name, { shape, data }]) => [
      name,
      data instanceof Int32Array
        ? { type: 'int32', shape, data }
        : { type: 'float32', shape, data: Float32Array.from(data) },
    ]),
  );
  const session = await (await load()).createSession(step.bytes);
  const results = await session.run(tensors);
  await session.release();

  expect(Object.keys(results).sort()).toEqual([...expected.keys()].sort());
  for (const [name, { data }] of expected) {
    const got = Array.from(results[name]?.data ?? [], Number);
    expect(worstDifference(got, data), name).toBeLessThan(1e-5);
    // A step changes everything, and by much more than that.
    const before = feeds.get(name.replace(/_next$/, ''))?.data;
    if (before) expect(worstDifference(data, before), name).toBeGreaterThan(1e-3);
  }
}
