// covers: client/graph/per-example/convolution.ts, client/graph/per-example/clip-per-example.ts, client/graph/per-example/trace-examples.ts, client/graph/per-example/batch-axis.ts, client/graph/per-example/batch-axis-rules.ts, client/graph/per-example/dense.ts, client/graph/per-example/embedding.ts, client/graph/per-example/expanded.ts, client/graph/per-example/example-gradient.ts, client/graph/per-example/example-gradient-rules.ts
/**
 * A step that clips examples against a loop over batches of one: models in which the examples lie in every way that
 * exporters write.
 */
import { describe, expect, it } from 'vitest';
import { type Attributes, float, int, ints } from '../../../../client/graph/attribute.ts';
import { compileTrainStep, trainStepGraph } from '../../../../client/graph/compile-train-step.ts';
import type { CompiledStep } from '../../../../client/graph/compiled.ts';
import type { ForwardGraph } from '../../../../client/graph/forward-graph.ts';
import type { ForwardOperator } from '../../../../client/graph/forward-operators.ts';
import { writeForward } from '../../../../client/graph/forward-writer.ts';
import { importModel } from '../../../../client/graph/import-model.ts';
import { mlp } from '../../../../client/graph/models/mlp.ts';
import { interpret } from '../../../../client/graph/reference/interpreter.ts';
import type { NdArray } from '../../../../client/graph/reference/nd-array.ts';
import { elementCount } from '../../../../client/graph/tensor-type.ts';
import { isProblem } from '../../../../protocol/problem.ts';
import type { Loss } from '../../../../schemas/training.ts';
import { type Feed, hasRuntime, load32 } from '../onnx-runtime.ts';
import { numbers, worstDifference } from '../random-arrays.ts';
import { initialTensors, scalar } from '../training-data.ts';

const BATCH = 4;
const CLIP_NORM = 0.7;

interface Case {
  readonly name: string;
  readonly forward: ForwardGraph;
  readonly loss: Loss;
  /** Labels or tokens below this. */
  readonly below: number;
  /** Of Gram matrices, whose norms are given more than is in them: as much as float32 may have lost. */
  readonly usesGram?: true;
}

type NodeLine = readonly [
  op: ForwardOperator,
  inputs: readonly string[],
  output: string,
  attributes?: Attributes,
];

/** A model from lines; parameters are drawn, `tokens` reads indices. */
function model(
  example: readonly number[],
  parameters: Readonly<Record<string, readonly number[]>>,
  lines: readonly NodeLine[],
  options: {
    readonly tokens?: 'int32' | 'int64';
    readonly constants?: Readonly<Record<string, readonly number[]>>;
  } = {},
): ForwardGraph {
  const random = numbers(5);
  const bytes = writeForward({
    name: 'case',
    input: { name: 'x', shape: example, ...(options.tokens && { dtype: options.tokens }) },
    parameters: Object.entries(parameters).map(([name, shape]) => ({
      name,
      shape,
      data: Float32Array.from({ length: elementCount(shape) }, () => random.normal() / 2),
    })),
    constants: options.constants ?? {},
    nodes: lines.map(([op, inputs, output, attributes = {}]) => ({ op, inputs, output, attributes })),
    output: { name: lines.at(-1)?.[2] ?? '', shape: [1] },
  });
  return importModel(bytes);
}

const CROSS_ENTROPY: Loss = { type: 'softmax_ce' };
const SQUARES: Loss = { type: 'mse' };

const CASES: readonly Case[] = [
  { name: 'dense layers', forward: mlp([6, 5, 4], numbers(1)), loss: CROSS_ENTROPY, below: 4 },
  {
    name: 'dense layers with alpha, beta and transposed weights',
    forward: model([6], { w: [5, 6], b: [5], v: [5, 3], c: [1, 3] }, [
      ['Gemm', ['x', 'w', 'b'], 'h', { transB: int(1), alpha: float(0.5), beta: float(-2) }],
      ['Tanh', ['h'], 't'],
      ['Gemm', ['t', 'v', 'c'], 'y'],
    ]),
    loss: SQUARES,
    below: 1,
  },
  {
    name: 'sequences, by Gram matrices and by gradients',
    usesGram: true,
    forward: model([2, 6], { w: [6, 7], v: [7, 2], b: [7] }, [
      ['MatMul', ['x', 'w'], 'h'],
      ['Add', ['h', 'b'], 'hb'],
      ['Sigmoid', ['hb'], 's'],
      ['MatMul', ['s', 'v'], 'y'],
    ]),
    loss: SQUARES,
    below: 1,
  },
  {
    name: 'attention with the batch folded into the heads',
    forward: model(
      [3, 4],
      { wq: [4, 4], wk: [4, 4], wv: [4, 4], wo: [4, 4], bq: [4] },
      [
        ['Transpose', ['x'], 'xt', { perm: ints([1, 0, 2]) }],
        ['MatMul', ['xt', 'wq'], 'q0'],
        ['Add', ['q0', 'bq'], 'q1'],
        ['MatMul', ['xt', 'wk'], 'k1'],
        ['MatMul', ['xt', 'wv'], 'v1'],
        ['Reshape', ['q1', 'heads'], 'q2'],
        ['Reshape', ['k1', 'heads'], 'k2'],
        ['Reshape', ['v1', 'heads'], 'v2'],
        ['Transpose', ['q2'], 'q', { perm: ints([1, 0, 2]) }],
        ['Transpose', ['k2'], 'k', { perm: ints([1, 2, 0]) }],
        ['Transpose', ['v2'], 'v', { perm: ints([1, 0, 2]) }],
        ['MatMul', ['q', 'k'], 'scores'],
        ['Softmax', ['scores'], 'weights', { axis: int(-1) }],
        ['MatMul', ['weights', 'v'], 'mixed'],
        ['Transpose', ['mixed'], 'back', { perm: ints([1, 0, 2]) }],
        ['Reshape', ['back', 'rows'], 'flat'],
        ['MatMul', ['flat', 'wo'], 'out'],
        ['Reshape', ['out', 'sequence'], 'z'],
        ['Transpose', ['z'], 'zt', { perm: ints([1, 0, 2]) }],
        ['ReduceMean', ['zt', 'positions'], 'y', { keepdims: int(0) }],
      ],
      { constants: { heads: [3, -1, 2], rows: [-1, 4], sequence: [3, -1, 4], positions: [1] } },
    ),
    loss: CROSS_ENTROPY,
    below: 4,
  },
  {
    name: 'scales and shifts that broadcast',
    forward: model([3, 4], { scale: [4], shift: [3, 1], slope: [], power: [1, 4] }, [
      ['Mul', ['x', 'scale'], 'a'],
      ['Sub', ['a', 'shift'], 'b'],
      ['Tanh', ['b'], 'c'],
      ['Div', ['c', 'power'], 'd'],
      ['Mul', ['slope', 'd'], 'y'],
    ]),
    loss: SQUARES,
    below: 1,
  },
  {
    name: 'layers, instances and groups that are normalised, and a learnt slope',
    forward: model([4, 6], { s: [6], t: [6], si: [4], ti: [4], sg: [4], tg: [4], w: [6, 3], slope: [3] }, [
      ['LayerNormalization', ['x', 's', 't'], 'a', { axis: int(-1) }],
      ['InstanceNormalization', ['a', 'si', 'ti'], 'b'],
      ['Gelu', ['b'], 'c'],
      ['GroupNormalization', ['c', 'sg', 'tg'], 'd', { num_groups: int(4) }],
      ['MatMul', ['d', 'w'], 'e'],
      ['PRelu', ['e', 'slope'], 'f'],
      ['LogSoftmax', ['f'], 'y'],
    ]),
    loss: SQUARES,
    below: 1,
  },
  {
    name: 'a matrix on the left, and stacks of matrices',
    forward: model(
      [3, 4],
      { left: [2, 3], stack: [2, 1, 4, 2] },
      [
        ['MatMul', ['left', 'x'], 'a'],
        ['Unsqueeze', ['a', 'first'], 'b'],
        ['MatMul', ['b', 'stack'], 'c'],
        ['Transpose', ['c'], 'd', { perm: ints([1, 0, 2, 3]) }],
        ['Tanh', ['d'], 'y'],
      ],
      { constants: { first: [0] } },
    ),
    loss: SQUARES,
    below: 1,
  },
  {
    name: 'convolutions: few elements, many elements, groups, strides, dilations',
    usesGram: true,
    forward: model(
      [2, 5, 6],
      { w: [4, 2, 3, 3], b: [4], v: [4, 2, 2, 2], u: [6, 4, 3, 3], t: [6, 2, 2, 2], s: [2] },
      [
        ['Conv', ['x', 'w', 'b'], 'c0', { pads: ints([1, 1, 1, 1]) }],
        ['Tanh', ['c0'], 't0'],
        ['Conv', ['t0', 'v'], 'c1', { group: int(2), dilations: ints([2, 1]), pads: ints([0, 1, 1, 0]) }],
        ['Relu', ['c1'], 't1'],
        ['MaxPool', ['t1'], 'p1', { kernel_shape: ints([2, 2]), strides: ints([2, 2]) }],
        ['Conv', ['p1', 'u'], 'c2', { pads: ints([1, 1, 1, 1]), strides: ints([2, 2]) }],
        ['ConvTranspose', ['c2', 't', 's'], 'y', { strides: ints([2, 2]) }],
      ],
    ),
    loss: SQUARES,
    below: 1,
  },
  {
    name: 'images of one example folded into the batch',
    forward: model(
      [3, 1, 4, 4],
      { w: [2, 1, 3, 3], b: [2], d: [8, 2] },
      [
        ['Reshape', ['x', 'frames'], 'f'],
        ['Conv', ['f', 'w', 'b'], 'c'],
        ['Reshape', ['c', 'rows'], 'r'],
        ['ReduceMean', ['r', 'ofFrames'], 'm', { keepdims: int(0) }],
        ['MatMul', ['m', 'd'], 'y'],
      ],
      { constants: { frames: [-1, 1, 4, 4], rows: [-1, 3, 8], ofFrames: [1] } },
    ),
    loss: CROSS_ENTROPY,
    below: 2,
  },
  {
    name: 'layers normalised by row and by group',
    forward: model([3, 8], { scale: [8], bias: [8], w: [8, 4], s: [3], b: [3], v: [4, 2] }, [
      ['LayerNormalization', ['x', 'scale', 'bias'], 'n', { axis: int(-1) }],
      ['MatMul', ['n', 'w'], 'h'],
      ['InstanceNormalization', ['h', 's', 'b'], 'i'],
      ['MatMul', ['i', 'v'], 'y'],
    ]),
    loss: SQUARES,
    below: 1,
  },
  {
    name: 'embeddings whose table is also the output layer',
    forward: model(
      [5],
      { table: [6, 3], b: [6] },
      [
        ['Gather', ['table', 'x'], 'e', { axis: int(0) }],
        ['Tanh', ['e'], 't'],
        ['Transpose', ['table'], 'tt', { perm: ints([1, 0]) }],
        ['MatMul', ['t', 'tt'], 'p'],
        ['Add', ['p', 'b'], 'y'],
      ],
      { tokens: 'int32' },
    ),
    loss: { type: 'sequence_ce', ignoreIndex: 0, labelSmoothing: 0.1 },
    below: 6,
  },
  {
    name: 'embeddings looked up once',
    usesGram: true,
    forward: model(
      [5],
      { table: [4, 3], w: [3, 4] },
      [
        ['Gather', ['table', 'x'], 'e', { axis: int(0) }],
        ['ReduceMean', ['e', 'positions'], 'm', { keepdims: int(0) }],
        ['MatMul', ['m', 'w'], 'y'],
      ],
      { tokens: 'int64', constants: { positions: [1] } },
    ),
    loss: { type: 'softmax_ce', classWeights: [1, 2, 0.5, 3] },
    below: 4,
  },
];

interface Drawn {
  readonly step: CompiledStep;
  readonly feeds: Map<string, Feed>;
  readonly weight: readonly number[];
}

function drawn({ forward, loss, below }: Case): Drawn {
  const random = numbers(9);
  const options = { loss, optimizer: { type: 'sgd' }, batchSize: BATCH, clipsExamples: true } as const;
  const step = compileTrainStep(forward, options);
  const draw = (shape: readonly number[], type: string): Feed =>
    type === 'int32'
      ? { shape, data: Int32Array.from({ length: elementCount(shape) }, () => random.below(below)) }
      : {
          shape,
          data: Float64Array.from({ length: elementCount(shape) }, () => Math.fround(random.normal())),
        };
  const weight = [1, 2, 0, 0.5];
  const feeds = new Map<string, Feed>([
    ...initialTensors(forward, step),
    ['x', draw(step.input.shape, step.input.type)],
    ['y', draw(step.target.shape, step.target.type)],
    ['weight', { shape: [BATCH], data: Float64Array.from(weight) }],
    ['lr', scalar(1)],
    ['clipNorm', scalar(CLIP_NORM)],
  ]);
  return { step, feeds, weight };
}

/** Sum over the examples of their gradients, clipped, times weight / sum of weights; and the norms. */
function byLoop({ forward, loss }: Case, { step, feeds, weight }: Drawn) {
  const single = trainStepGraph(forward, { loss, optimizer: { type: 'sgd' }, batchSize: 1 });
  const total = weight.reduce((sum, value) => sum + value, 0);
  const sums = new Map(step.parameters.map(({ name, size }) => [name, new Float64Array(size)]));
  const norms = weight.map((ofExample, example) => {
    const row = (name: string): Feed => {
      const { shape, data } = feeds.get(name) as Feed;
      const size = data.length / BATCH;
      return { shape: [1, ...shape.slice(1)], data: data.slice(example * size, (example + 1) * size) };
    };
    const own = new Map(feeds)
      .set('x', row('x'))
      .set('y', row('y'))
      .set('weight', {
        shape: [1],
        data: Float64Array.of(1),
      });
    own.delete('clipNorm');
    const next = interpret(single, own as Map<string, NdArray>);
    const gradients = step.parameters.map(({ name }) => {
      const before = feeds.get(name)?.data ?? [];
      return [
        name,
        Float64Array.from(before, (value, at) => value - (next.get(`${name}_next`)?.data[at] ?? NaN)),
      ] as const;
    });
    const norm = Math.sqrt(
      gradients.reduce((sum, [, values]) => sum + values.reduce((s, v) => s + v * v, 0), 0),
    );
    for (const [name, values] of gradients)
      values.forEach((value, at) => {
        const sum = sums.get(name) as Float64Array;
        sum[at] = (sum[at] ?? 0) + (ofExample / total) * value * Math.min(1, CLIP_NORM / norm);
      });
    return norm;
  });
  return { sums, norms };
}

/** How far the step moves each parameter from where the loop says it should, at most. */
function worstOf(
  { step, feeds }: Drawn,
  sums: ReadonlyMap<string, Float64Array>,
  next: ReadonlyMap<string, ArrayLike<number>>,
) {
  return Math.max(
    ...step.parameters.map(({ name }) => {
      const before = feeds.get(name)?.data ?? [];
      const moved = Float64Array.from(before, (value, at) => value - (next.get(`${name}_next`)?.[at] ?? NaN));
      return worstDifference(moved, sums.get(name) ?? []);
    }),
  );
}

describe.each(CASES.map((one) => [one.name, one] as const))('%s', (_, one) => {
  it('is the loop over single examples, some clipped and some not', () => {
    const batch = drawn(one);
    const { sums, norms } = byLoop(one, batch);
    const options = {
      loss: one.loss,
      optimizer: { type: 'sgd' },
      batchSize: BATCH,
      clipsExamples: true,
    } as const;
    const results = interpret(trainStepGraph(one.forward, options), batch.feeds as Map<string, NdArray>);
    const next = new Map([...results].map(([name, { data }]) => [name, data]));
    expect(worstOf(batch, sums, next)).toBeLessThan(one.usesGram ? 1e-6 : 1e-12);
    // Not clipping is something else, so the comparison can fail.
    expect(Math.max(...norms)).toBeGreaterThan(CLIP_NORM);
    const loose = interpret(
      trainStepGraph(one.forward, options),
      new Map(batch.feeds).set('clipNorm', scalar(1e9)) as Map<string, NdArray>,
    );
    expect(worstOf(batch, sums, new Map([...loose].map(([name, { data }]) => [name, data])))).toBeGreaterThan(
      1e-3,
    );
  });

  it.skipIf(!hasRuntime)('in ONNX Runtime too, within 1e-6', async () => {
    const batch = drawn(one);
    const { sums } = byLoop(one, batch);
    const next = await (await load32(batch.step.bytes))(batch.feeds);
    expect(worstOf(batch, sums, next)).toBeLessThan(1e-6);
  });

  it('is the plain step where nothing is clipped', () => {
    const batch = drawn(one);
    const feeds = new Map(batch.feeds).set('clipNorm', scalar(1e9)).set('weight', {
      shape: [BATCH],
      data: new Float64Array(BATCH).fill(1),
    });
    const options = { loss: one.loss, optimizer: { type: 'sgd' }, batchSize: BATCH } as const;
    const isMean = one.loss.type === 'mse' || !('classWeights' in one.loss || 'ignoreIndex' in one.loss);
    const clipped = interpret(
      trainStepGraph(one.forward, { ...options, clipsExamples: true }),
      feeds as Map<string, NdArray>,
    );
    const plain = interpret(
      trainStepGraph(one.forward, options),
      new Map([...feeds].filter(([name]) => name !== 'clipNorm')) as Map<string, NdArray>,
    );
    const worst = Math.max(
      ...batch.step.parameters.map(({ name }) =>
        worstDifference(clipped.get(`${name}_next`)?.data ?? [], plain.get(`${name}_next`)?.data ?? [NaN]),
      ),
    );
    // Where examples weigh differently in the mean of the loss, each still counts alike when it is clipped.
    if (isMean) expect(worst).toBeLessThan(1e-12);
    else expect(worst).toBeGreaterThan(1e-6);
  });
});

describe('what mixes examples', () => {
  const normalized = (axes: readonly number[]) =>
    model(
      [3],
      { w: [3, 2] },
      [
        ['ReduceMean', ['x', 'axes'], 'mean', { keepdims: int(1) }],
        ['Sub', ['x', 'mean'], 'centred'],
        ['MatMul', ['centred', 'w'], 'y'],
      ],
      { constants: { axes } },
    );
  const compile = (forward: ForwardGraph) => () =>
    compileTrainStep(forward, {
      loss: SQUARES,
      optimizer: { type: 'sgd' },
      batchSize: BATCH,
      clipsExamples: true,
    });

  it('is refused, by the name of the operator', () => {
    expect(compile(normalized([1]))).not.toThrow();
    let problem: unknown;
    try {
      compile(normalized([0]))();
    } catch (error) {
      problem = error;
    }
    expect(isProblem(problem, 'perExampleUnsupported') && problem.detail.operator).toBe('ReduceMean');
  });

  it('parameters that are computed with before they meet an example are refused', () => {
    const scaled = model([3], { w: [3, 2], s: [2] }, [
      ['Mul', ['w', 's'], 'ws'],
      ['MatMul', ['x', 'ws'], 'y'],
    ]);
    let problem: unknown;
    try {
      compile(scaled)();
    } catch (error) {
      problem = error;
    }
    expect(isProblem(problem, 'perExampleUnsupported') && problem.detail.operator).toBe('Mul');
  });

  it.each([
    ['turned around', ['Slice', ['x', 'ends', 'starts', 'first', 'back'], 'moved']],
    ['shifted', ['Pad', ['x', 'shift'], 'moved']],
  ] as const)('a batch that is %s is refused, though it keeps its length', (_, line) => {
    const moved = (constants: Record<string, readonly number[]>) =>
      model([3], { w: [3, 2] }, [line as NodeLine, ['MatMul', ['moved', 'w'], 'y']], { constants });
    const along = { starts: [-99], ends: [-1], first: [0], back: [-1], shift: [1, 0, -1, 0] };
    const across = { ...along, first: [1], shift: [0, 1, 0, -1] };
    expect(compile(moved(across))).not.toThrow();
    let problem: unknown;
    try {
      compile(moved(along))();
    } catch (error) {
      problem = error;
    }
    expect(isProblem(problem, 'perExampleUnsupported') && problem.detail.operator).toBe(line[0]);
  });

  it('a parameter with an entry for each place in the batch is refused', () => {
    const shifted = (rows: number) =>
      model([3], { b: [rows, 3], w: [3, 2] }, [
        ['Add', ['x', 'b'], 'moved'],
        ['MatMul', ['moved', 'w'], 'y'],
      ]);
    expect(compile(shifted(1))).not.toThrow();
    const options = { loss: SQUARES, optimizer: { type: 'sgd' }, batchSize: 3, clipsExamples: true } as const;
    let problem: unknown;
    try {
      compileTrainStep(shifted(3), options);
    } catch (error) {
      problem = error;
    }
    expect(isProblem(problem, 'perExampleUnsupported') && problem.detail.operator).toBe('Add');
    expect(() => compileTrainStep(shifted(3), { ...options, clipsExamples: false })).not.toThrow();
  });

  it('a negative token is the row that it names', () => {
    const lookUp = model([2], { table: [4, 3] }, [['Gather', ['table', 'x'], 'y', { axis: int(0) }]], {
      tokens: 'int64',
    });
    const options = { loss: SQUARES, optimizer: { type: 'sgd' }, batchSize: 2, clipsExamples: true } as const;
    const graph = trainStepGraph(lookUp, options);
    const step = compileTrainStep(lookUp, options);
    const next = (...tokens: number[]) =>
      interpret(
        graph,
        new Map<string, Feed>([
          ...initialTensors(lookUp, step),
          ['x', { shape: [2, 2], data: Int32Array.from(tokens) }],
          ['y', { shape: [2, 2, 3], data: new Float64Array(12).fill(5) }],
          ['weight', { shape: [2], data: Float64Array.of(1, 1) }],
          ['lr', scalar(1)],
          ['clipNorm', scalar(0.1)],
        ]) as Map<string, NdArray>,
      ).get('table_next')?.data;
    expect(next(-1, 3, -1, 3)).toEqual(next(3, 3, 3, 3));
    expect(next(2, 3, 2, 3)).not.toEqual(next(3, 3, 3, 3));
  });

  it('a batch of one may do as it likes', () => {
    const forward = normalized([0]);
    const options = { loss: SQUARES, optimizer: { type: 'sgd' }, batchSize: 1, clipsExamples: true } as const;
    expect(() => compileTrainStep(forward, options)).not.toThrow();
  });
});
