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
import { worstDifference } from '../random-arrays.ts';

const forward = importModel(
  writeForward({
    name: 'slope',
    input: { name: 'x', shape: [1] },
    parameters: [{ name: 'w', shape: [1, 1], data: Float32Array.of(3) }],
    nodes: [{ op: 'MatMul', inputs: ['x', 'w'], output: 'wx' }],
    output: { name: 'wx', shape: [1] },
  }),
);

/** The learning rate of step 0, 1, ... */
const rateOf = (step: number) => 0.05 / (1 + (step % 3));
const scalar = (value: number): NdArray => ({ shape: [], data: Float64Array.of(value) });
const column = (...values: number[]): NdArray => ({
  shape: [values.length, 1],
  data: Float64Array.from(values),
});

/** w after each step on x = 1, y = 1; `weights` says which steps have a batch of weight. */
function trajectory(
  optimizer: Optimizer,
  weights: readonly number[],
  rate = rateOf,
): { w: number[]; state: number[][] } {
  const options = { loss: { type: 'mse' }, optimizer, batchSize: 1 } as const;
  const { state } = compileTrainStep(forward, options);
  const graph = trainStepGraph(forward, options);
  let feeds = new Map<string, NdArray>([['w', column(3)]]);
  for (const { name, shape } of state) feeds.set(name, { shape, data: new Float64Array(1) });
  const seen: { w: number[]; state: number[][] } = { w: [], state: [] };
  for (const [step, weight] of weights.entries()) {
    const batch: [string, NdArray][] = [
      ['x', column(1)],
      ['y', column(1)],
      ['weight', { shape: [1], data: Float64Array.of(weight) }],
      ['lr', scalar(rate(step))],
    ];
    const results = interpret(graph, new Map([...feeds, ...batch]));
    feeds = new Map([...feeds.keys()].map((name) => [name, results.get(`${name}_next`) as NdArray]));
    seen.w.push(feeds.get('w')?.data[0] ?? Number.NaN);
    seen.state.push(state.map(({ name }) => feeds.get(name)?.data[0] ?? Number.NaN));
  }
  return seen;
}

/** One step as the textbook writes it: from w, its gradient and the state to the next w and state. */
type Recurrence = (at: {
  readonly w: number;
  readonly gradient: number;
  readonly lr: number;
  /** From 1. */
  readonly t: number;
  readonly state: readonly number[];
}) => { readonly w: number; readonly state: readonly number[] };

/** w after each of so many steps. */
function textbookOf(recurrence: Recurrence, steps: number): number[] {
  let [w, state]: [number, readonly number[]] = [3, [0, 0]];
  return Array.from({ length: steps }, (_, step) => {
    ({ w, state } = recurrence({ w, gradient: 2 * (w - 1), lr: rateOf(step), t: step + 1, state }));
    return w;
  });
}

const adamDirection = (gradient: number, t: number, [m = 0, v = 0]: readonly number[]) => {
  const state = [0.9 * m + 0.1 * gradient, 0.999 * v + 0.001 * gradient ** 2] as const;
  const [first, second] = [state[0] / (1 - 0.9 ** t), state[1] / (1 - 0.999 ** t)];
  return { direction: first / (Math.sqrt(second) + 1e-8), state };
};
const ADAM = { beta1: 0.9, beta2: 0.999, epsilon: 1e-8 };

const OPTIMIZERS: [string, Optimizer, Recurrence][] = [
  ['sgd', { type: 'sgd' }, ({ w, gradient, lr }) => ({ w: w - lr * gradient, state: [] })],
  [
    'sgd with weight decay',
    { type: 'sgd', weightDecay: 0.3 },
    ({ w, gradient, lr }) => ({ w: w - lr * (gradient + 0.3 * w), state: [] }),
  ],
  [
    'momentum',
    { type: 'momentum', momentum: 0.75 },
    ({ w, gradient, lr, state: [v = 0] }) => {
      const velocity = 0.75 * v + gradient;
      return { w: w - lr * velocity, state: [velocity] };
    },
  ],
  [
    'momentum with weight decay',
    { type: 'momentum', momentum: 0.75, weightDecay: 0.3 },
    ({ w, gradient, lr, state: [v = 0] }) => {
      const velocity = 0.75 * v + gradient + 0.3 * w;
      return { w: w - lr * velocity, state: [velocity] };
    },
  ],
  [
    'nesterov',
    { type: 'nesterov', momentum: 0.75 },
    ({ w, gradient, lr, state: [v = 0] }) => {
      const velocity = 0.75 * v + gradient;
      return { w: w - lr * (gradient + 0.75 * velocity), state: [velocity] };
    },
  ],
  [
    'nesterov with weight decay',
    { type: 'nesterov', momentum: 0.75, weightDecay: 0.3 },
    ({ w, gradient, lr, state: [v = 0] }) => {
      const slope = gradient + 0.3 * w;
      const velocity = 0.75 * v + slope;
      return { w: w - lr * (slope + 0.75 * velocity), state: [velocity] };
    },
  ],
  [
    'adam',
    { type: 'adam', ...ADAM },
    ({ w, gradient, lr, t, state: before }) => {
      const { direction, state } = adamDirection(gradient, t, before);
      return { w: w - lr * direction, state };
    },
  ],
  [
    'adam with weight decay, a part of the gradient',
    { type: 'adam', ...ADAM, weightDecay: 0.3 },
    ({ w, gradient, lr, t, state: before }) => {
      const { direction, state } = adamDirection(gradient + 0.3 * w, t, before);
      return { w: w - lr * direction, state };
    },
  ],
  [
    'adamw with weight decay, beside the gradient',
    { type: 'adamw', ...ADAM, weightDecay: 0.3 },
    ({ w, gradient, lr, t, state: before }) => {
      const { direction, state } = adamDirection(gradient, t, before);
      return { w: w * (1 - lr * 0.3) - lr * direction, state };
    },
  ],
  [
    'adamw without weight decay',
    { type: 'adamw', ...ADAM },
    ({ w, gradient, lr, t, state: before }) => {
      const { direction, state } = adamDirection(gradient, t, before);
      return { w: w - lr * direction, state };
    },
  ],
];

describe.each(OPTIMIZERS)('%s', (_, optimizer, recurrence) => {
  it('follows its recurrence', () => {
    const { w } = trajectory(optimizer, Array<number>(20).fill(1));
    // Coefficients are float32 in the graph.
    expect(worstDifference(w, textbookOf(recurrence, 20))).toBeLessThan(1e-6);
  });

  it('stands still on a batch without weight, before the first step and later', () => {
    const { w, state } = trajectory(optimizer, [0, 1, 0, 1], () => 0.05);
    expect(w[0]).toBe(3);
    expect(w[2]).toBe(w[1]);
    expect(state[2]).toEqual(state[1]);
    expect(w[3]).not.toBe(w[2]);
    const without = trajectory(optimizer, [1, 1], () => 0.05);
    expect(w[3]).toBe(without.w[1]);
  });

  const clips = [undefined, 0.5];
  it.skipIf(!hasRuntime).each(clips)(
    'stands still to the bit in ONNX Runtime, clip %s',
    async (gradientClip) => {
      const options = { loss: { type: 'mse' }, optimizer, batchSize: 2, gradientClip } as const;
      const { bytes, state } = compileTrainStep(forward, options);
      const run = await load32(bytes);
      const initial = new Map<string, NdArray>([['w', column(1.1)]]);
      for (const { name, shape } of state) initial.set(name, { shape, data: Float64Array.of(0.3) });
      const batch = (...weights: number[]): [string, NdArray][] => [
        ['x', column(1, 0.7)],
        ['y', column(1, 5)],
        ['weight', { shape: [2], data: Float64Array.from(weights) }],
        ['lr', scalar(0.05)],
      ];
      const idle = await run(new Map([...initial, ...batch(0, 0)]));
      const busy = await run(new Map([...initial, ...batch(0, 1)]));
      for (const [name, { data }] of initial) {
        expect(idle.get(`${name}_next`)).toEqual(Float32Array.from(data));
        expect(busy.get(`${name}_next`)).not.toEqual(Float32Array.from(data));
      }
      expect(idle.get('loss')).toEqual(Float32Array.of(0));
      expect(busy.get('loss')?.[0]).toBeCloseTo((0.77 - 5) ** 2, 4);
    },
  );
});

describe('adam', () => {
  it('without a first moment to keep is its second moment alone', () => {
    const { w } = trajectory({ type: 'adam', beta1: 0, beta2: 0.5, epsilon: 1e-8 }, [1]);
    expect(w[0]).toBeCloseTo(3 - 0.05, 6);
  });
});
