// covers: client/graph/lowering/lowering-rules.ts, client/graph/lowering/lowering-rule.ts, client/graph/lowering/activation.ts, client/graph/lowering/elementwise.ts, client/graph/lowering/reduce.ts, client/graph/lowering/normalization.ts, client/graph/lowering/batch-normalization.ts, client/graph/lowering/dropout.ts, client/graph/bind-forward.ts, client/graph/forward-operators.ts, client/graph/forward-writer.ts
/**
 * Operators that are written as others, against the operators themselves.
 */
import { describe, expect, it } from 'vitest';
import { float, int, ints } from '../../../../client/graph/attribute.ts';
import { differentiate } from '../../../../client/graph/autodiff.ts';
import { bindForward } from '../../../../client/graph/bind-forward.ts';
import { INFERENCE } from '../../../../client/graph/bind-mode.ts';
import { compilePrediction } from '../../../../client/graph/compile-prediction.ts';
import { type ForwardDescription, writeForward } from '../../../../client/graph/forward-writer.ts';
import { GraphBuilder } from '../../../../client/graph/graph-builder.ts';
import { importModel } from '../../../../client/graph/import-model.ts';
import { ACTIVATION_LOWERINGS } from '../../../../client/graph/lowering/activation.ts';
import { ELEMENTWISE_LOWERINGS } from '../../../../client/graph/lowering/elementwise.ts';
import { NORMALIZATION_LOWERINGS } from '../../../../client/graph/lowering/normalization.ts';
import { REDUCE_LOWERINGS } from '../../../../client/graph/lowering/reduce.ts';
import { interpret } from '../../../../client/graph/reference/interpreter.ts';
import type { Constant, Shape } from '../../../../client/graph/tensor-type.ts';
import { isProblem } from '../../../../protocol/problem.ts';
import { hasRuntime, load32 } from '../onnx-runtime.ts';
import { numbers, uniform, worstDifference } from '../random-arrays.ts';
import {
  expectRightGradients,
  expectSamePrediction,
  type LoweredCase,
  modelOf,
  type Operand,
} from './lowered-model.ts';

function parameter(...shape: number[]): Operand {
  return { parameter: shape };
}

function integers(...values: number[]): Operand {
  return { constant: { dtype: 'int64', shape: [values.length], data: BigInt64Array.from(values, BigInt) } };
}

function floats(shape: Shape, ...values: number[]): Operand {
  return { constant: { dtype: 'float32', shape, data: Float32Array.from(values) } };
}

function constant(value: Constant): Operand {
  return { constant: value };
}

const text = (value: string) => ({ kind: 'string', value }) as const;

/** Constants of the gradient are float32 numbers, or differences lose digits. */
const ROUNDED = 1e-6;

const ACTIVATIONS: LoweredCase[] = [
  { name: 'PRelu, one slope', op: 'PRelu', x: [2, 3], others: [parameter(1)] },
  { name: 'PRelu, a slope per channel', op: 'PRelu', x: [2, 3, 2, 2], others: [parameter(3, 1, 1)] },
  { name: 'Gelu', op: 'Gelu', x: [3, 4], tolerance: ROUNDED },
  { name: 'Gelu by tanh', op: 'Gelu', x: [3, 4], attributes: { approximate: text('tanh') } },
  { name: 'HardSwish', op: 'HardSwish', x: [4, 5], range: [-5, 5] },
  { name: 'Mish', op: 'Mish', x: [3, 4], opset: 18 },
  { name: 'Selu', op: 'Selu', x: [3, 4] },
  {
    name: 'Selu, attributes given',
    op: 'Selu',
    x: [3, 4],
    attributes: { alpha: float(0.5), gamma: float(2) },
  },
  { name: 'Celu', op: 'Celu', x: [3, 4] },
  { name: 'Celu, alpha given', op: 'Celu', x: [3, 4], attributes: { alpha: float(0.5) } },
  { name: 'ThresholdedRelu', op: 'ThresholdedRelu', x: [3, 4] },
  {
    name: 'ThresholdedRelu, alpha given',
    op: 'ThresholdedRelu',
    x: [3, 4],
    attributes: { alpha: float(-0.5) },
  },
  { name: 'Softsign', op: 'Softsign', x: [3, 4] },
  { name: 'LogSoftmax', op: 'LogSoftmax', x: [2, 3, 4] },
  { name: 'LogSoftmax far out', op: 'LogSoftmax', x: [2, 5], range: [-1000, 1000], tolerance: ROUNDED },
  { name: 'LogSoftmax, axis given', op: 'LogSoftmax', x: [2, 3, 4], attributes: { axis: int(1) } },
  { name: 'LogSoftmax over several axes', op: 'LogSoftmax', opset: 11, x: [2, 3, 4] },
  {
    name: 'LogSoftmax of an old model',
    op: 'LogSoftmax',
    opset: 11,
    x: [2, 3, 4],
    attributes: { axis: int(2) },
  },
];

const ELEMENTWISE: LoweredCase[] = [
  { name: 'Sum of one', op: 'Sum', x: [2, 3] },
  { name: 'Sum of several', op: 'Sum', x: [2, 3], others: [parameter(3), 'x', parameter(1)] },
  { name: 'Mean of one', op: 'Mean', x: [2, 3] },
  { name: 'Mean of several', op: 'Mean', x: [2, 3], others: [parameter(3), parameter(1)] },
  { name: 'Clip', op: 'Clip', x: [3, 4], others: [floats([], -1), floats([], 0.5)] },
  {
    name: 'Clip, bounds as attributes',
    op: 'Clip',
    opset: 10,
    x: [3, 4],
    attributes: { min: float(-1), max: float(0.5) },
  },
  { name: 'Clip, one bound as attribute', op: 'Clip', opset: 10, x: [3, 4], attributes: { max: float(0.5) } },
  {
    name: 'Pow, whole exponent',
    op: 'Pow',
    x: [3, 4],
    others: [constant({ dtype: 'int64', shape: [], data: BigInt64Array.of(3n) })],
  },
  { name: 'Pow, learnt exponent', op: 'Pow', x: [3, 4], others: [parameter(4)], range: [0.5, 2] },
  { name: 'CastLike', op: 'CastLike', x: [2, 3], others: [floats([1], 1)] },
];

const REDUCTIONS: LoweredCase[] = (['ReduceL1', 'ReduceSumSquare', 'ReduceLogSum'] as const).flatMap((op) => {
  const range = op === 'ReduceLogSum' ? ([0.5, 2] as const) : ([-2, 2] as const);
  return [
    { name: `${op}, all axes`, op, x: [2, 3], range },
    { name: `${op}, an axis kept`, op, x: [2, 3, 4], others: [integers(-2)], range },
    {
      name: `${op}, axes dropped`,
      op,
      x: [2, 3, 4],
      others: [integers(0, 2)],
      attributes: { keepdims: int(0) },
      range,
    },
    { name: `${op}, axes as attribute`, op, opset: 13, x: [2, 3, 4], attributes: { axes: ints([1]) }, range },
  ];
});

const scaleAndBias = (...shape: number[]) => [parameter(...shape), parameter(...shape)];

const NORMALIZATIONS: LoweredCase[] = [
  { name: 'LayerNormalization', op: 'LayerNormalization', x: [2, 3, 8], others: scaleAndBias(8), outputs: 3 },
  { name: 'LayerNormalization without bias', op: 'LayerNormalization', x: [2, 8], others: [parameter(8)] },
  {
    name: 'LayerNormalization over two axes',
    op: 'LayerNormalization',
    x: [2, 3, 4],
    others: scaleAndBias(3, 4),
    attributes: { axis: int(1), epsilon: float(0.1) },
    outputs: 3,
  },
  {
    name: 'LayerNormalization over rows too long for a constant',
    op: 'LayerNormalization',
    x: [1, 8200],
    others: [floats([1], 2), floats([1], 1)],
  },
  { name: 'RMSNormalization', op: 'RMSNormalization', opset: 23, x: [2, 3, 8], others: [parameter(8)] },
  {
    name: 'RMSNormalization over two axes',
    op: 'RMSNormalization',
    opset: 23,
    x: [2, 3, 4],
    others: [parameter(3, 4)],
    attributes: { axis: int(-2), epsilon: float(0.1) },
  },
  { name: 'InstanceNormalization', op: 'InstanceNormalization', x: [2, 3, 4, 4], others: scaleAndBias(3) },
  {
    name: 'InstanceNormalization, one axis, epsilon given',
    op: 'InstanceNormalization',
    x: [2, 3, 8],
    others: scaleAndBias(3),
    attributes: { epsilon: float(0.1) },
  },
  {
    name: 'GroupNormalization, scale and bias per group',
    op: 'GroupNormalization',
    opset: 18,
    x: [2, 6, 2, 2],
    others: scaleAndBias(3),
    attributes: { num_groups: int(3) },
  },
  {
    name: 'GroupNormalization, scale and bias per channel',
    op: 'GroupNormalization',
    opset: 21,
    x: [2, 6, 2, 2],
    others: scaleAndBias(6),
    attributes: { num_groups: int(3), epsilon: float(0.1) },
  },
  {
    name: 'InstanceNormalization of planes too large for a constant',
    op: 'InstanceNormalization',
    x: [1, 1, 91, 91],
    others: scaleAndBias(1),
  },
  {
    name: 'BatchNormalization, exported for use',
    op: 'BatchNormalization',
    x: [2, 3, 4],
    others: [...scaleAndBias(3), floats([3], 1, 2, 3), floats([3], 1, 0.5, 2)],
    attributes: { epsilon: float(0.1) },
  },
  { name: 'Dropout, exported for use', op: 'Dropout', x: [2, 3] },
  { name: 'LpNormalization', op: 'LpNormalization', x: [2, 3, 4] },
  {
    name: 'LpNormalization, p = 1',
    op: 'LpNormalization',
    x: [2, 3, 4],
    attributes: { p: int(1), axis: int(1) },
  },
  { name: 'MeanVarianceNormalization', op: 'MeanVarianceNormalization', x: [3, 2, 4, 4] },
  {
    name: 'MeanVarianceNormalization, axes given',
    op: 'MeanVarianceNormalization',
    x: [2, 3, 8],
    attributes: { axes: ints([2]) },
  },
];

const CASES = [...ACTIVATIONS, ...ELEMENTWISE, ...REDUCTIONS, ...NORMALIZATIONS].map(
  (one) => [one.name, one] as const,
);

describe.skipIf(!hasRuntime)('what is computed', () => {
  it.each(CASES)('%s', async (_, one) => {
    await expectSamePrediction(one);
  });
});

describe('gradients', () => {
  it.each(CASES.filter(([, { x }]) => x.reduce((a, b) => a * b) < 1000))('%s', (_, one) => {
    expectRightGradients(one);
  });
});

/** A model of the input `in`, with any nodes. */
function model(nodes: ForwardDescription['nodes'], example: Shape, opset?: number): Uint8Array {
  const version = opset === undefined ? {} : { opset };
  return writeForward({
    name: 'several',
    ...version,
    input: { name: 'in', shape: example },
    parameters: [],
    nodes,
    output: { name: 'out' },
  });
}

function given(output: string, value: Constant): ForwardDescription['nodes'][number] {
  return { op: 'Constant', inputs: [], output, attributes: { value: { kind: 'tensor', value } } };
}

function filled(number: number, ...shape: number[]): Constant {
  const count = shape.reduce((a, b) => a * b, 1);
  return { dtype: 'float32', shape, data: new Float32Array(count).fill(number) };
}

async function expectSame(bytes: Uint8Array, batch: number): Promise<Float32Array> {
  const forward = importModel(bytes);
  const x = uniform(numbers(6), [batch, ...forward.input.example], -2, 2);
  const compiled = compilePrediction(forward, { batchSize: batch });
  const original = (await (await load32(bytes))(new Map([['in', x]]))).get('out') ?? new Float32Array();
  const ours = (await (await load32(compiled.bytes))(new Map([['x', x]]))).get('out') ?? [];
  expect(worstDifference(ours, original)).toBeLessThan(2e-6);
  return original;
}

describe.skipIf(!hasRuntime)('patterns of exporters', () => {
  it('group normalisation as one of instances that are groups, without their scale and bias', async () => {
    const shape = (...lengths: number[]): Constant => ({
      dtype: 'int64',
      shape: [lengths.length],
      data: BigInt64Array.from(lengths, BigInt),
    });
    const bytes = model(
      [
        given('grouped', shape(0, 3, -1)),
        given('back', shape(-1, 6, 2, 2)),
        given('ones', filled(1, 3)),
        given('zeros', filled(0, 3)),
        given('scale', filled(1.5, 6, 1, 1)),
        given('bias', filled(0.5, 6, 1, 1)),
        { op: 'Reshape', inputs: ['in', 'grouped'], output: 'groups' },
        { op: 'InstanceNormalization', inputs: ['groups', 'ones', 'zeros'], output: 'normal' },
        { op: 'Reshape', inputs: ['normal', 'back'], output: 'channels' },
        { op: 'Mul', inputs: ['channels', 'scale'], output: 'scaled' },
        { op: 'Add', inputs: ['scaled', 'bias'], output: 'out' },
      ],
      [6, 2, 2],
      17,
    );
    await expectSame(bytes, 2);
    const g = new GraphBuilder('pattern');
    bindForward(g, importModel(bytes), g.input('x', 'float32', [2, 6, 2, 2]), [], INFERENCE);
    // That of the model.
    expect(g.nodes.filter(({ op }) => op === 'Mul')).toHaveLength(1);
  });

  it('a choice between truth values', async () => {
    const compare = (op: 'Greater' | 'Less', bound: string, output: string) =>
      ({ op, inputs: ['in', bound], output }) as const;
    const bytes = model(
      [
        given('one', filled(1)),
        given('zero', filled(0)),
        compare('Greater', 'zero', 'positive'),
        compare('Less', 'one', 'small'),
        compare('Greater', 'one', 'large'),
        { op: 'Where', inputs: ['positive', 'small', 'large'], output: 'chosen' },
        { op: 'Cast', inputs: ['chosen'], output: 'out', attributes: { to: int(1) } },
      ],
      [20],
    );
    // ONNX Runtime does not run the model itself, so the answer is written out.
    const x = uniform(numbers(6), [3, 20], -2, 2);
    const compiled = compilePrediction(importModel(bytes), { batchSize: 3 });
    const ours = (await (await load32(compiled.bytes))(new Map([['x', x]]))).get('out') ?? [];
    expect(Array.from(ours)).toEqual(Array.from(x.data, (value) => Number(value > 0 && value < 1)));
  });
});

describe('normalisation', () => {
  it('of rows that do not vary, or are 0, has finite gradients', () => {
    for (const op of ['LpNormalization', 'MeanVarianceNormalization', 'LayerNormalization'] as const) {
      const others =
        op === 'LayerNormalization'
          ? [
              {
                op: 'Constant',
                inputs: [],
                output: 'scale',
                attributes: { value: { kind: 'tensor', value: filled(1, 4) } },
              } as const,
            ]
          : [];
      const inputs = op === 'LayerNormalization' ? ['in', 'scale'] : ['in'];
      const attributes = op === 'MeanVarianceNormalization' ? { axes: ints([1]) } : {};
      const forward = importModel(model([...others, { op, inputs, output: 'out', attributes }], [4]));
      const g = new GraphBuilder('constant rows');
      const x = g.input('x', 'float32', [2, 4]);
      const { output, tape } = bindForward(g, forward, x, [], INFERENCE);
      const seed = g.constant(filled(1, 2, 4));
      const [gradient] = differentiate(g, tape, output, seed, [x]);
      const graph = g.finish([
        { name: 'out', value: output },
        { name: 'by', value: gradient ?? output },
      ]);
      const zeros = { shape: [2, 4], data: new Float64Array(8) };
      const results = interpret(graph, new Map([['x', zeros]]));
      expect(Array.from(results.get('out')?.data ?? [])).toEqual(Array(8).fill(0));
      expect(Array.from(results.get('by')?.data ?? []).every(Number.isFinite), op).toBe(true);
    }
  });

  it('stands apart from an addition before it, lest ONNX Runtime merges the two', () => {
    const scale = { op: 'Constant', inputs: [], output: 'scale' } as const;
    for (const example of [[4], [3, 4]]) {
      const value = { kind: 'tensor', value: filled(2, 4) } as const;
      const bytes = model(
        [
          { ...scale, attributes: { value } },
          { op: 'Add', inputs: ['in', 'in'], output: 'sum' },
          { op: 'LayerNormalization', inputs: ['sum', 'scale'], output: 'out' },
        ],
        example,
      );
      const g = new GraphBuilder('apart');
      const x = g.input('x', 'float32', [2, ...example]);
      bindForward(g, importModel(bytes), x, [], INFERENCE);
      expect(g.nodes.map(({ op }) => op).slice(0, 3)).toEqual(['Add', 'Reshape', 'LayerNormalization']);
    }
  });

  it('of data far from 0 loses no more digits than the data has', () => {
    const shifted = (by: number) => {
      const forward = importModel(
        modelOf({
          name: 'far',
          op: 'InstanceNormalization',
          x: [1, 1, 64],
          others: [floats([1], 1), floats([1], 0)],
        }),
      );
      const g = new GraphBuilder('far');
      const x = g.input('x', 'float32', [1, 1, 64]);
      const { output } = bindForward(g, forward, x, [], INFERENCE);
      const data = uniform(numbers(7), [1, 1, 64], -1, 1).data.map((value) => value + by);
      return (
        interpret(
          g.finish([{ name: 'out', value: output }]),
          new Map([['x', { shape: [1, 1, 64], data }]]),
        ).get('out')?.data ?? []
      );
    };
    expect(worstDifference(shifted(1e6), shifted(0))).toBeLessThan(1e-8);
  });
});

describe('what is refused', () => {
  const layer = { op: 'LayerNormalization', x: [2, 6], others: [parameter(6)] } as const;
  const group = { op: 'GroupNormalization', opset: 21, x: [2, 6, 2], others: scaleAndBias(6) } as const;
  const pairs: [string, Omit<LoweredCase, 'name'>, Partial<LoweredCase>][] = [
    [
      'a slope that does not broadcast',
      { op: 'PRelu', x: [2, 3], others: [parameter(1)] },
      { others: [parameter(2)] },
    ],
    [
      'a slope that makes more of x',
      { op: 'PRelu', x: [2, 1], others: [parameter(1)] },
      { others: [parameter(3)] },
    ],
    ['an unknown approximation', { op: 'Gelu', x: [2, 3] }, { attributes: { approximate: text('fast') } }],
    ['an approximation that is no text', { op: 'Gelu', x: [2, 3] }, { attributes: { approximate: int(1) } }],
    ['celu of a negative alpha', { op: 'Celu', x: [2, 3] }, { attributes: { alpha: float(-1) } }],
    ['an axis that does not exist', { op: 'LogSoftmax', x: [2, 3] }, { attributes: { axis: int(2) } }],
    ['an input beyond the last', { op: 'Mish', x: [2, 3] }, { others: ['x'] }],
    [
      'bounds as attributes where they are inputs',
      { op: 'Clip', x: [2, 3] },
      { others: [floats([2], 1, 2)] },
    ],
    [
      'exponents that are truth values',
      { op: 'Pow', x: [2, 3], others: [floats([], 2)] },
      { others: [constant({ dtype: 'bool', shape: [], data: Uint8Array.of(1) })] },
    ],
    [
      'a norm over no axes, whose meaning changed',
      { op: 'ReduceL1', x: [2, 3] },
      { attributes: { noop_with_empty_axes: int(1) } },
    ],
    ['a scale of another length', layer, { others: [parameter(5)] }],
    ['a layer without scale', layer, { others: [] }],
    ['statistics of another type', layer, { attributes: { stash_type: int(11) } }],
    [
      'groups that do not divide the channels',
      { ...group, attributes: { num_groups: int(3) } },
      { attributes: { num_groups: int(4) } },
    ],
    ['no number of groups', { ...group, attributes: { num_groups: int(3) } }, { attributes: {} }],
    [
      'a scale per group where it is one per channel',
      { ...group, attributes: { num_groups: int(3) } },
      { others: scaleAndBias(3) },
    ],
    [
      'instances without positions',
      { op: 'InstanceNormalization', x: [2, 3, 4], others: scaleAndBias(3) },
      { x: [2, 3] },
    ],
    ['an unknown norm', { op: 'LpNormalization', x: [2, 3] }, { attributes: { p: int(3) } }],
    ['axes that do not exist', { op: 'MeanVarianceNormalization', x: [2, 3, 4, 4] }, { x: [2, 3, 4] }],
  ];

  it.each(pairs)('%s', (_, taken, change) => {
    const problemOf = (one: LoweredCase) => {
      try {
        importModel(modelOf(one));
        return undefined;
      } catch (error) {
        return error;
      }
    };
    expect(problemOf({ name: 'taken', ...taken })).toBeUndefined();
    expect(isProblem(problemOf({ name: 'refused', ...taken, ...change }), 'graphMalformed')).toBe(true);
  });

  it('has a case for every operator that is written as others', () => {
    const rules = {
      ...ACTIVATION_LOWERINGS,
      ...ELEMENTWISE_LOWERINGS,
      ...NORMALIZATION_LOWERINGS,
      ...REDUCE_LOWERINGS,
    };
    const covered = new Set<string>(CASES.map(([, { op }]) => op));
    expect(Object.keys(rules).filter((op) => !covered.has(op))).toEqual(['Where']);
  });
});
