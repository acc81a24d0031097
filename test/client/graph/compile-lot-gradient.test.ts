// covers: client/graph/training-batch.ts, client/graph/compile-local-training.ts
import { describe, expect, it } from 'vitest';
import { int } from '../../../client/graph/attribute.ts';
import { compileLocalTraining } from '../../../client/graph/compile-local-training.ts';
import { compileLotGradient } from '../../../client/graph/compile-lot-gradient.ts';
import { trainStepGraph } from '../../../client/graph/compile-train-step.ts';
import type { ForwardGraph } from '../../../client/graph/forward-graph.ts';
import { mlp } from '../../../client/graph/models/mlp.ts';
import { interpret } from '../../../client/graph/reference/interpreter.ts';
import { layerModel } from './lowering/layer-model.ts';
import { type Feed, load32 } from './onnx-runtime.ts';
import { numbers } from './random-arrays.ts';
import { type Batch, drawBatch, initialTensors, scalar } from './training-data.ts';

const BATCH = 5;
const LOSS = { type: 'softmax_ce' } as const;
const forward = mlp([4, 6, 3], numbers(3));
const lot = (unit: 'example' | 'person', model: ForwardGraph = forward) =>
  compileLotGradient(model, { loss: LOSS, batchSize: BATCH, unit });

/** Flat, in the order of the parameters. */
async function gradientOf(unit: 'example' | 'person', batch: Batch, clipNorm: number): Promise<number[]> {
  const compiled = lot(unit);
  const run = await load32(compiled.bytes);
  const feeds = new Map<string, Feed>([
    ...initialTensors(forward, compiled),
    ...Object.entries(batch),
    ['clipNorm', scalar(clipNorm)],
  ]);
  const outputs = await run(feeds);
  return compiled.parameters.flatMap(({ name }) => Array.from(outputs.get(`${name}_gradient`) ?? []));
}

/** The gradient of the mean loss over these rows, from a step of sgd by the reference interpreter in float64. */
function slope(rows: readonly number[], batch: Batch): number[] {
  const options = { loss: LOSS, optimizer: { type: 'sgd' }, batchSize: rows.length } as const;
  const graph = trainStepGraph(forward, options);
  const pick = ({ shape, data }: Feed): Feed => {
    const size = data.length / (shape[0] ?? 1);
    const values = rows.flatMap((row) => Array.from(data).slice(row * size, (row + 1) * size));
    return {
      shape: [rows.length, ...shape.slice(1)],
      data: data instanceof Int32Array ? Int32Array.from(values) : Float64Array.from(values),
    };
  };
  const compiled = lot('example');
  const before = initialTensors(forward, compiled);
  const feeds = new Map<string, Feed>([
    ...before,
    ['x', pick(batch.x)],
    ['y', pick(batch.y)],
    ['weight', { shape: [rows.length], data: new Float64Array(rows.length).fill(1) }],
    ['lr', scalar(1)],
  ]);
  const after = interpret(graph, feeds as never) as unknown as ReadonlyMap<string, Feed>;
  return compiled.parameters.flatMap(({ name }) => {
    const next = after.get(`${name}_next`)?.data ?? [];
    return Array.from(before.get(name)?.data ?? [], (value, i) => value - Number(next[i]));
  });
}

const clipped = (gradient: readonly number[], clipNorm: number) => {
  const factor = Math.min(1, clipNorm / Math.hypot(...gradient));
  return gradient.map((value) => factor * value);
};

const batch = drawBatch(numbers(8), lot('example'), 3);

function expectClose(got: readonly number[], wanted: readonly number[]): void {
  expect(got).toHaveLength(wanted.length);
  for (let i = 0; i < wanted.length; i += 1) expect(got[i]).toBeCloseTo(wanted[i] as number, 5);
}

describe('the sum of a lot', () => {
  it.each([0.05, 0.6, 100])(
    'of examples has each gradient clipped to %d, and is divided by nothing',
    async (norm) => {
      const alone = [0, 1, 2, 3, 4].map((row) => clipped(slope([row], batch), norm));
      const wanted = alone.reduce((sum, one) => sum.map((value, i) => value + (one[i] as number)));
      expectClose(await gradientOf('example', batch, norm), wanted);
    },
  );

  it('has no place for padding, and is zero without examples', async () => {
    const weight = { shape: [BATCH], data: Float64Array.of(1, 0, 0, 1, 0) };
    const two = [0, 3].map((row) => clipped(slope([row], batch), 0.6));
    const wanted = (two[0] ?? []).map((value, i) => value + (two[1]?.[i] as number));
    expectClose(await gradientOf('example', { ...batch, weight }, 0.6), wanted);
    const none = { shape: [BATCH], data: new Float64Array(BATCH) };
    for (const unit of ['example', 'person'] as const)
      expect(await gradientOf(unit, { ...batch, weight: none }, 0.6)).toEqual(
        new Array(wanted.length).fill(0).map(() => expect.closeTo(0, 12)),
      );
  });

  it.each([0.05, 100])('of a person is the gradient of the mean loss, clipped once to %d', async (norm) => {
    const weight = { shape: [BATCH], data: Float64Array.of(1, 1, 0, 1, 0) };
    expectClose(
      await gradientOf('person', { ...batch, weight }, norm),
      clipped(slope([0, 1, 3], batch), norm),
    );
  });
});

it('several batches in one run are added to what goes in', async () => {
  const compiled = lot('example');
  const batches = [batch, drawBatch(numbers(9), compiled, 3), drawBatch(numbers(10), compiled, 3)];
  const run = await load32(compiled.run());
  const stacked = (name: 'x' | 'y' | 'weight'): [string, Feed] => {
    const all = batches.flatMap((one) => Array.from(one[name].data));
    const data = name === 'y' ? Int32Array.from(all) : Float64Array.from(all);
    return [name, { shape: [batches.length, ...batch[name].shape], data }];
  };
  const outputs = await run(
    new Map<string, Feed>([
      ...initialTensors(forward, compiled),
      ...compiled.parameters.map(({ name, shape, size }): [string, Feed] => [
        `${name}_gradient`,
        { shape, data: new Float64Array(size).fill(0.25) },
      ]),
      ...(['x', 'y', 'weight'] as const).map(stacked),
      ['clipNorm', scalar(0.6)],
    ]),
  );
  const sums = compiled.parameters.flatMap(({ name }) =>
    Array.from(outputs.get(`${name}_gradient_next`) ?? []),
  );
  const alone = await Promise.all(batches.map((one) => gradientOf('example', one, 0.6)));
  expectClose(
    sums,
    sums.map((_, i) => alone.reduce((sum, one) => sum + (one[i] as number), 0.25)),
  );
  expect(outputs.get('losses')).toHaveLength(batches.length);
});

it('statistics of the data have no noise, so a model that keeps some is refused', () => {
  const keeping = (isTraining: boolean) =>
    layerModel([3, 2], {
      parameters: ['scale', 'bias', 'mean', 'variance'].map((name) => ({
        ...{ name, shape: [3] },
        data: new Float32Array(3).fill(1),
      })),
      nodes: [
        {
          op: 'BatchNormalization',
          inputs: ['scaled', 'scale', 'bias', 'mean', 'variance'],
          output: 'layered',
          attributes: isTraining ? { training_mode: int(1) } : {},
        },
      ],
    });
  const compiled = (model: ForwardGraph) =>
    compileLotGradient(model, { loss: { type: 'mse' }, batchSize: 2, unit: 'person' });
  expect(() => compiled(keeping(true))).toThrow(
    expect.objectContaining({
      code: 'perExampleUnsupported',
      detail: expect.objectContaining({ operator: 'BatchNormalization' }),
    }),
  );
  expect(compileLotGradient(forward, { loss: LOSS, batchSize: 2, unit: 'person' }).unit).toBe('person');
});

it('a job compiles what its unit of privacy needs', () => {
  const training = {
    ...{ loss: LOSS, optimizer: { type: 'sgd' } as const, learningRate: 1, learningRateDecay: 1 },
    ...{ batchSize: 2, epochs: 1 },
  };
  const kindOf = (privacyUnit: 'none' | 'participant' | 'example' | 'person') =>
    compileLocalTraining(forward, { training, privacyUnit }).kind;
  expect(['none', 'participant', 'example', 'person'].map((unit) => kindOf(unit as never))).toEqual([
    ...['epoch', 'epoch'],
    ...['lotGradient', 'lotGradient'],
  ]);
});
