// covers: client/graph/compile-train-step.ts, client/graph/train-step.ts, client/graph/border.ts, client/graph/compiled.ts
import { createHash } from 'node:crypto';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { compileTrainStep, trainStepGraph } from '../../../client/graph/compile-train-step.ts';
import { writeForward } from '../../../client/graph/forward-writer.ts';
import { importModel } from '../../../client/graph/import-model.ts';
import { linear } from '../../../client/graph/models/linear.ts';
import { mlp } from '../../../client/graph/models/mlp.ts';
import { interpret } from '../../../client/graph/reference/interpreter.ts';
import type { NdArray } from '../../../client/graph/reference/nd-array.ts';
import { isProblem } from '../../../protocol/problem.ts';
import type { Loss, Optimizer } from '../../../schemas/training.ts';
import { hasRuntime, load32 } from './onnx-runtime.ts';
import { numbers, worstDifference } from './random-arrays.ts';
import { drawBatch, feedsOf, initialTensors } from './training-data.ts';

/** SHA-256 of the train step of the MLP 784-200-10 under softmax cross-entropy and SGD, batch 32. */
const PINNED = 'b2445ddd93846ebce35fcc527e62e77afbffbd4151a159e92335b13c53f12bd1';

const SGD: Optimizer = { type: 'sgd' };
const ADAM = { type: 'adam', beta1: 0.9, beta2: 0.999, epsilon: 1e-8 } as const;

describe('the border of a step', () => {
  it('names parameters as the model does, and state and outputs after them', () => {
    const step = compileTrainStep(mlp([3, 2], numbers(1)), {
      loss: { type: 'softmax_ce' },
      optimizer: ADAM,
      batchSize: 4,
    });
    expect(step.parameters.map(({ name }) => name)).toEqual(['dense0.weight', 'dense0.bias']);
    expect(step.state).toEqual([
      { name: 'dense0.weight_first_moment', type: 'float32', shape: [3, 2] },
      { name: 'dense0.weight_second_moment', type: 'float32', shape: [3, 2] },
      { name: 'dense0.bias_first_moment', type: 'float32', shape: [2] },
      { name: 'dense0.bias_second_moment', type: 'float32', shape: [2] },
      { name: 'steps', type: 'float32', shape: [] },
    ]);
    expect(step.input).toEqual({ name: 'x', type: 'float32', shape: [4, 3] });
    expect(step.target).toEqual({ name: 'y', type: 'int32', shape: [4] });
    const graph = trainStepGraph(mlp([3, 2], numbers(1)), {
      loss: { type: 'softmax_ce' },
      optimizer: ADAM,
      batchSize: 4,
    });
    const names = [...step.parameters, ...step.state].map(({ name }) => name);
    expect(graph.inputs.map(({ name }) => name).sort()).toEqual([...names, 'lr', 'weight', 'x', 'y'].sort());
    expect(graph.outputs.map(({ name }) => name)).toEqual([...names.map((name) => `${name}_next`), 'loss']);
  });

  it.skipIf(!hasRuntime)('steps aside where the model uses a name of the border', async () => {
    const forward = importModel(
      writeForward({
        name: 'layer',
        input: { name: 'x', shape: [1] },
        parameters: [
          { name: 'weight', shape: [1, 1], data: Float32Array.of(2) },
          { name: 'loss', shape: [1], data: Float32Array.of(1) },
          { name: 'loss_next', shape: [1], data: Float32Array.of(1) },
        ],
        nodes: [
          { op: 'Gemm', inputs: ['x', 'weight', 'loss'], output: 'sum' },
          { op: 'Mul', inputs: ['sum', 'loss_next'], output: 'y' },
        ],
        output: { name: 'y', shape: [1] },
      }),
    );
    const step = compileTrainStep(forward, { loss: { type: 'mse' }, optimizer: SGD, batchSize: 1 });
    expect(step.parameters.map(({ name }) => name)).toEqual(['weight_', 'loss_', 'loss_next_']);
    const batch = {
      x: { shape: [1, 1], data: Float64Array.of(1) },
      y: { shape: [1, 1], data: Float64Array.of(1) },
    };
    const weight = { shape: [1], data: Float64Array.of(1) };
    const run = await load32(step.bytes);
    const results = await run(feedsOf(initialTensors(forward, step), { ...batch, weight }, 0.1));
    // The error is 2: every gradient is 4 times what the parameter multiplies, 1, 1 and 3.
    expect(results.get('loss')?.[0]).toBeCloseTo(4, 6);
    expect(results.get('weight__next')?.[0]).toBeCloseTo(1.6, 6);
    expect(results.get('loss__next')?.[0]).toBeCloseTo(0.6, 6);
    expect(results.get('loss_next__next')?.[0]).toBeCloseTo(-0.2, 6);
  });

  it('refuses a loss or a batch size that the model does not take', () => {
    const forward = linear(2, 1);
    expect(() =>
      compileTrainStep(forward, { loss: { type: 'mse' }, optimizer: SGD, batchSize: 1 }),
    ).not.toThrow();
    const flat = importModel(
      writeForward({
        name: 'total',
        input: { name: 'x', shape: [2] },
        parameters: [{ name: 'w', shape: [2], data: new Float32Array(2) }],
        nodes: [
          { op: 'Mul', inputs: ['x', 'w'], output: 'product' },
          { op: 'ReduceSum', inputs: ['product'], output: 'total' },
        ],
        output: { name: 'total', shape: [] },
      }),
    );
    const attempts = [
      () => compileTrainStep(forward, { loss: { type: 'mse' }, optimizer: SGD, batchSize: 0 }),
      () => compileTrainStep(forward, { loss: { type: 'mse' }, optimizer: SGD, batchSize: 1.5 }),
      () => compileTrainStep(flat, { loss: { type: 'mse' }, optimizer: SGD, batchSize: 4 }),
      () => compileTrainStep(flat, { loss: { type: 'softmax_ce' }, optimizer: SGD, batchSize: 4 }),
    ];
    for (const attempt of attempts) {
      let problem: unknown;
      try {
        attempt();
      } catch (error) {
        problem = error;
      }
      expect(isProblem(problem, 'manifestInvalid')).toBe(true);
    }
  });
});

describe('bytes', () => {
  it('are the same for the same model and options, whatever the values of the parameters', () => {
    const options = { loss: { type: 'softmax_ce' }, optimizer: SGD, batchSize: 32 } as const;
    const one = compileTrainStep(mlp([784, 200, 10], numbers(1)), options).bytes;
    const other = compileTrainStep(mlp([784, 200, 10], numbers(2)), options).bytes;
    expect(other).toEqual(one);
    expect(
      compileTrainStep(mlp([784, 200, 10], numbers(1)), { ...options, batchSize: 31 }).bytes,
    ).not.toEqual(one);
  });

  it('have not changed: jobs pin their hash', () => {
    const step = compileTrainStep(mlp([784, 200, 10], numbers(1)), {
      loss: { type: 'softmax_ce' },
      optimizer: SGD,
      batchSize: 32,
    });
    expect(createHash('sha256').update(step.bytes).digest('hex')).toBe(PINNED);
  });
});

describe('a step', () => {
  const losses: Loss[] = [{ type: 'softmax_ce' }, { type: 'mse' }, { type: 'bce_logits' }];

  it('leaves out nothing and fuses the update: one Gemm per layer and direction', () => {
    const graph = trainStepGraph(mlp([5, 4, 3], numbers(1)), {
      loss: { type: 'softmax_ce' },
      optimizer: SGD,
      batchSize: 2,
    });
    const count = (op: string) => graph.nodes.filter((node) => node.op === op).length;
    // Forward 2, by weight 2 with the parameter as addend, by hidden activation 1; none by the data.
    expect(count('Gemm')).toBe(5);
    expect(graph.nodes.filter((node) => node.op === 'Gemm' && node.inputs.length === 3)).toHaveLength(4);
    expect(count('Identity') + count('Transpose')).toBe(0);
  });

  it('keeps a parameter that the output does not depend on', () => {
    const forward = importModel(
      writeForward({
        name: 'spare',
        input: { name: 'x', shape: [1] },
        parameters: [
          { name: 'used', shape: [1], data: Float32Array.of(2) },
          { name: 'spare', shape: [1], data: Float32Array.of(7) },
        ],
        nodes: [{ op: 'Mul', inputs: ['x', 'used'], output: 'y' }],
        output: { name: 'y', shape: [1] },
      }),
    );
    const options = { loss: { type: 'mse' }, optimizer: ADAM, batchSize: 1 } as const;
    const step = compileTrainStep(forward, options);
    const batch = drawBatch(numbers(1), step, 0);
    const feeds = feedsOf(initialTensors(forward, step), batch, 0.1) as Map<string, NdArray>;
    const results = interpret(trainStepGraph(forward, options), feeds);
    expect(Array.from(results.get('spare_next')?.data ?? [])).toEqual([7]);
    expect(results.get('used_next')?.data[0]).not.toBe(2);
  });

  it.skipIf(!hasRuntime)('of any mlp, loss and optimiser is what the interpreter computes', async () => {
    // With a small epsilon the first step of Adam has the size of the learning rate whatever the gradient, and
    // rounding near 0 decides its sign; with a large one results are comparable.
    const smooth: Optimizer = { ...ADAM, epsilon: 1 };
    const optimizers: Optimizer[] = [SGD, { type: 'momentum', momentum: 0.9 }, smooth];
    const widths = fc.array(fc.integer({ min: 1, max: 8 }), { minLength: 2, maxLength: 4 });
    await fc.assert(
      fc.asyncProperty(
        widths,
        fc.constantFrom(...losses),
        fc.constantFrom(...optimizers),
        fc.integer({ min: 1, max: 6 }),
        fc.nat(255),
        async (sizes, loss, optimizer, batchSize, seed) => {
          const random = numbers(seed);
          const forward = mlp(sizes, random);
          const options = { loss, optimizer, batchSize };
          const step = compileTrainStep(forward, options);
          const batch = drawBatch(random, step, sizes.at(-1) ?? 1);
          const feeds = feedsOf(initialTensors(forward, step), batch, 0.01);
          const native = await (await load32(step.bytes))(feeds);
          const wide = new Map(
            [...feeds].map(([name, { shape, data }]) => [name, { shape, data: Float64Array.from(data) }]),
          );
          // Adam's first step has the size of the learning rate whatever the gradient: near 0 its sign decides.
          for (const [name, { data }] of interpret(trainStepGraph(forward, options), wide))
            expect(worstDifference(native.get(name) ?? [], data)).toBeLessThan(1e-5);
        },
      ),
      { numRuns: 25 },
    );
  });

  it.skipIf(!hasRuntime).each(losses)('under $type is not changed by padding', async (loss) => {
    const random = numbers(9);
    const forward = mlp([6, 5, 4], random);
    const small = compileTrainStep(forward, { loss, optimizer: SGD, batchSize: 3 });
    const large = compileTrainStep(forward, { loss, optimizer: SGD, batchSize: 5 });
    const batch = drawBatch(random, small, 4);
    const noise = drawBatch(random, large, 4);
    const padded = (name: 'x' | 'y' | 'weight') => {
      const values = Array.from(noise[name].data);
      const real = Array.from(batch[name].data);
      const data = values.map((value, index) => real[index] ?? (name === 'weight' ? 0 : value));
      const { shape } = noise[name];
      return {
        shape,
        data: noise[name].data instanceof Int32Array ? Int32Array.from(data) : Float64Array.from(data),
      };
    };
    const tensors = initialTensors(forward, small);
    const plain = await (await load32(small.bytes))(feedsOf(tensors, batch, 0.1));
    const run = await load32(large.bytes);
    const withPadding = await run(
      feedsOf(tensors, { x: padded('x'), y: padded('y'), weight: padded('weight') }, 0.1),
    );
    const withNoise = await run(feedsOf(tensors, noise, 0.1));
    for (const [name, values] of plain) {
      expect(worstDifference(withPadding.get(name) ?? [], values)).toBeLessThan(1e-6);
      expect(worstDifference(withNoise.get(name) ?? [], values)).toBeGreaterThan(1e-6);
    }
  });
});
