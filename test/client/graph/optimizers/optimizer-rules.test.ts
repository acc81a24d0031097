// covers: client/graph/optimizers/optimizer-rules.ts, client/graph/optimizers/optimizer-rule.ts, client/graph/optimizers/sgd.ts, client/graph/optimizers/momentum.ts, client/graph/optimizers/adam.ts, client/graph/optimizers/weight-decay.ts
/**
 * Optimisers against their textbook recurrences on y = w x with squared error, where the gradient is 2 (w - 1) x^2.
 */
import { describe, expect, it } from 'vitest';
import { compileTrainStep, trainStepGraph } from '../../../../client/graph/compile-train-step.ts';
import { writeForward } from '../../../../client/graph/forward-writer.ts';
import { importModel } from '../../../../client/graph/import-model.ts';
import { interpret } from '../../../../client/graph/reference/interpreter.ts';
import type { NdArray } from '../../../../client/graph/reference/nd-array.ts';
import type { Optimizer } from '../../../../schemas/training.ts';
import { hasRuntime, load32 } from '../onnx-runtime.ts';

const forward = importModel(
  writeForward({
    name: 'slope',
    input: { name: 'x', shape: [1] },
    parameters: [{ name: 'w', shape: [1, 1], data: Float32Array.of(3) }],
    nodes: [{ op: 'MatMul', inputs: ['x', 'w'], output: 'wx' }],
    output: { name: 'wx', shape: [1] },
  }),
);

const LR = 0.05;
const scalar = (value: number): NdArray => ({ shape: [], data: Float64Array.of(value) });
const column = (...values: number[]): NdArray => ({
  shape: [values.length, 1],
  data: Float64Array.from(values),
});

/** w after each step on x = 1, y = 1; `weights` says which steps have a batch of weight. */
function trajectory(optimizer: Optimizer, weights: readonly number[]): { w: number[]; state: number[][] } {
  const options = { loss: { type: 'mse' }, optimizer, batchSize: 1 } as const;
  const { state } = compileTrainStep(forward, options);
  const graph = trainStepGraph(forward, options);
  let feeds = new Map<string, NdArray>([['w', column(3)]]);
  for (const { name, shape } of state) feeds.set(name, { shape, data: new Float64Array(1) });
  const seen: { w: number[]; state: number[][] } = { w: [], state: [] };
  for (const weight of weights) {
    const batch: [string, NdArray][] = [
      ['x', column(1)],
      ['y', column(1)],
      ['weight', { shape: [1], data: Float64Array.of(weight) }],
      ['lr', scalar(LR)],
    ];
    const results = interpret(graph, new Map([...feeds, ...batch]));
    feeds = new Map([...feeds.keys()].map((name) => [name, results.get(`${name}_next`) as NdArray]));
    seen.w.push(feeds.get('w')?.data[0] ?? Number.NaN);
    seen.state.push(state.map(({ name }) => feeds.get(name)?.data[0] ?? Number.NaN));
  }
  return seen;
}

const OPTIMIZERS: [string, Optimizer, (steps: number) => number[]][] = [
  [
    'sgd',
    { type: 'sgd' },
    (steps) => {
      let w = 3;
      return Array.from({ length: steps }, () => {
        w -= LR * 2 * (w - 1);
        return w;
      });
    },
  ],
  [
    'momentum',
    { type: 'momentum', momentum: 0.75 },
    (steps) => {
      let [w, v] = [3, 0];
      return Array.from({ length: steps }, () => {
        v = 0.75 * v + 2 * (w - 1);
        w -= LR * v;
        return w;
      });
    },
  ],
  [
    'adam',
    { type: 'adam', beta1: 0.9, beta2: 0.999, epsilon: 1e-8 },
    (steps) => {
      let [w, m, v] = [3, 0, 0];
      return Array.from({ length: steps }, (_, index) => {
        const gradient = 2 * (w - 1);
        m = 0.9 * m + 0.1 * gradient;
        v = 0.999 * v + 0.001 * gradient * gradient;
        const t = index + 1;
        w -= (LR * (m / (1 - 0.9 ** t))) / (Math.sqrt(v / (1 - 0.999 ** t)) + 1e-8);
        return w;
      });
    },
  ],
];

describe.each(OPTIMIZERS)('%s', (_, optimizer, textbook) => {
  it('follows its recurrence', () => {
    const { w } = trajectory(optimizer, Array<number>(20).fill(1));
    // Coefficients are float32 in the graph.
    const expected = textbook(20);
    expect(w.map((value, index) => Math.abs(value - (expected[index] ?? Number.NaN)))).toSatisfy(
      (differences: number[]) => Math.max(...differences) < 1e-6,
    );
  });

  it('stands still on a batch without weight, before the first step and later', () => {
    const { w, state } = trajectory(optimizer, [0, 1, 0, 1]);
    expect(w[0]).toBe(3);
    expect(w[2]).toBe(w[1]);
    expect(state[2]).toEqual(state[1]);
    expect(w[3]).not.toBe(w[2]);
    const without = trajectory(optimizer, [1, 1]);
    expect(w[3]).toBe(without.w[1]);
  });

  it.skipIf(!hasRuntime)('stands still to the bit in ONNX Runtime', async () => {
    const { bytes, state } = compileTrainStep(forward, { loss: { type: 'mse' }, optimizer, batchSize: 2 });
    const run = await load32(bytes);
    const initial = new Map<string, NdArray>([['w', column(1.1)]]);
    for (const { name, shape } of state) initial.set(name, { shape, data: Float64Array.of(0.3) });
    const batch = (...weights: number[]): [string, NdArray][] => [
      ['x', column(1, 0.7)],
      ['y', column(1, 5)],
      ['weight', { shape: [2], data: Float64Array.from(weights) }],
      ['lr', scalar(LR)],
    ];
    const idle = await run(new Map([...initial, ...batch(0, 0)]));
    const busy = await run(new Map([...initial, ...batch(0, 1)]));
    for (const [name, { data }] of initial) {
      expect(idle.get(`${name}_next`)).toEqual(Float32Array.from(data));
      expect(busy.get(`${name}_next`)).not.toEqual(Float32Array.from(data));
    }
    expect(idle.get('loss')).toEqual(Float32Array.of(0));
    expect(busy.get('loss')?.[0]).toBeCloseTo((0.77 - 5) ** 2, 4);
  });
});

describe('adam', () => {
  it('without a first moment to keep is its second moment alone', () => {
    const { w } = trajectory({ type: 'adam', beta1: 0, beta2: 0.5, epsilon: 1e-8 }, [1]);
    expect(w[0]).toBeCloseTo(3 - LR, 6);
  });
});
