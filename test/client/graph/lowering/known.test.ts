// covers: client/graph/lowering/known.ts
/**
 * Constants, shapes and sequences as exporters write them: what is left of them, and that it is what ONNX Runtime
 * computes from the original.
 */
import { describe, expect, it } from 'vitest';
import { type Attributes, float, int, ints } from '../../../../client/graph/attribute.ts';
import { compilePrediction } from '../../../../client/graph/compile-prediction.ts';
import { type ForwardDescription, writeForward } from '../../../../client/graph/forward-writer.ts';
import { importModel } from '../../../../client/graph/import-model.ts';
import type { Constant } from '../../../../client/graph/tensor-type.ts';
import { HanseError } from '../../../../protocol/problem.ts';
import { hasRuntime, load32 } from '../onnx-runtime.ts';
import { numbers, uniform, worstDifference } from '../random-arrays.ts';

type SketchNode = ForwardDescription['nodes'][number];

function node(op: SketchNode['op'], inputs: string, output: string, attributes: Attributes = {}): SketchNode {
  return { op, inputs: inputs === '' ? [] : inputs.split(' '), output, attributes };
}

function tensor(output: string, value: Constant): SketchNode {
  return node('Constant', '', output, { value: { kind: 'tensor', value } });
}

function long(output: string, ...data: number[]): SketchNode {
  return node('Constant', '', output, { value_ints: ints(data) });
}

const CAST = { float: { to: int(1) }, int32: { to: int(6) }, int64: { to: int(7) } };

/** Nodes from `in`, [3, 4, 5] at run time, to `out`. */
const CHAINS: Record<string, SketchNode[]> = {
  'a view that keeps the batch': [
    node('Shape', 'in', 'shape'),
    node('Constant', '', 'zero', { value_int: int(0) }),
    node('Gather', 'shape zero', 'size'),
    long('axes', 0),
    node('Unsqueeze', 'size axes', 'size1'),
    long('rest', -1),
    node('Concat', 'size1 rest', 'target', { axis: int(0) }),
    node('Reshape', 'in target', 'out'),
  ],
  'a part of a shape': [
    node('Shape', 'in', 'shape', { start: int(-2), end: int(99) }),
    node('Shape', 'in', 'first', { end: int(1) }),
    node('ReduceProd', 'shape', 'rest', { keepdims: int(1) }),
    node('Concat', 'first rest', 'target', { axis: int(0) }),
    node('Reshape', 'in target', 'out'),
  ],
  'half of an axis': [
    node('Shape', 'in', 'shape'),
    long('two', 2),
    node('Slice', 'shape two three', 'length'),
    long('three', 3),
    node('Div', 'length two', 'half'),
    node('Slice', 'in half length two', 'out'),
  ].toSorted((a, b) => Number(b.op === 'Constant') - Number(a.op === 'Constant')),
  'the scale of attention': [
    node('Shape', 'in', 'shape'),
    long('last', -1),
    node('Gather', 'shape last', 'width'),
    node('Cast', 'width', 'real', CAST.float),
    node('Sqrt', 'real', 'root'),
    node('Constant', '', 'one', { value_float: float(1) }),
    node('Div', 'one root', 'scale'),
    node('Mul', 'in scale', 'out'),
  ],
  'a mask of what comes later': [
    long('side', 5, 5),
    node('ConstantOfShape', 'side', 'ones', {
      value: { kind: 'tensor', value: { dtype: 'float32', shape: [1], data: Float32Array.of(1) } },
    }),
    node('Trilu', 'ones', 'above', { upper: int(1) }),
    node('Constant', '', 'zero', { value_float: float(0) }),
    node('Equal', 'above zero', 'isEarlier'),
    node('Constant', '', 'low', { value_float: float(-1e9) }),
    node('Constant', '', 'high', { value_float: float(0) }),
    node('Where', 'isEarlier high low', 'mask'),
    node('Shape', 'in', 'shape', { start: int(1) }),
    long('one', 1, 5),
    node('Max', 'shape one', 'unused'),
    node('ReduceMean', 'in middle', 'pooled', { keepdims: int(1) }),
    long('middle', 1),
    node('Add', 'pooled mask', 'out'),
  ].toSorted((a, b) => Number(b.op === 'Constant') - Number(a.op === 'Constant')),
  'an expansion to a shape with wildcards': [
    long('wanted', -1, 4, 5),
    node('Shape', 'in', 'shape'),
    node('Shape', 'wanted', 'rank'),
    node('ConstantOfShape', 'rank', 'ones', {
      value: { kind: 'tensor', value: { dtype: 'int64', shape: [1], data: BigInt64Array.of(1n) } },
    }),
    node('Constant', '', 'minus', { value_int: int(-1) }),
    node('Mul', 'ones minus', 'wildcards'),
    node('Equal', 'wanted wildcards', 'isWild'),
    node('Where', 'isWild shape wanted', 'target'),
    node('Expand', 'in target', 'out'),
  ],
  positions: [
    node('Constant', '', 'zero', { value_int: int(0) }),
    node('Constant', '', 'five', { value_int: int(5) }),
    node('Constant', '', 'one', { value_int: int(1) }),
    node('Range', 'zero five one', 'places'),
    node('Cast', 'places', 'real', CAST.float),
    node('Add', 'in real', 'out'),
  ],
  'a sequence of floats': [
    node('Constant', '', 'from', { value_float: float(1) }),
    node('Constant', '', 'to', { value_float: float(-0.5) }),
    node('Constant', '', 'by', { value_float: float(-0.3) }),
    node('Range', 'from to by', 'places'),
    node('Add', 'in places', 'out'),
  ],
  'a descending sequence of int32': [
    tensor('from', { dtype: 'int32', shape: [], data: Int32Array.of(9) }),
    tensor('to', { dtype: 'int32', shape: [], data: Int32Array.of(-1) }),
    tensor('by', { dtype: 'int32', shape: [], data: Int32Array.of(-2) }),
    node('Range', 'from to by', 'places'),
    node('Cast', 'places', 'real', CAST.float),
    node('Add', 'in real', 'out'),
  ],
  'lists of floats': [
    node('Constant', '', 'list', { value_floats: { kind: 'floats', value: [1, 2, 3, 4, 0.1] } }),
    node('Mul', 'in list', 'out'),
  ],
  'the number of elements': [
    node('Size', 'in', 'count'),
    node('Cast', 'count', 'real', CAST.float),
    node('Div', 'in real', 'out'),
  ],
  'an identity matrix': [
    tensor('like', { dtype: 'float32', shape: [5, 5], data: new Float32Array(25) }),
    node('EyeLike', 'like', 'eye'),
    node('MatMul', 'in eye', 'out'),
  ],
  'an identity matrix beside the diagonal, of whole numbers': [
    long('side', 5, 5),
    node('ConstantOfShape', 'side', 'like'),
    node('EyeLike', 'like', 'eye', { k: int(-2), dtype: int(7) }),
    node('Cast', 'eye', 'real', CAST.float),
    node('MatMul', 'in real', 'out'),
  ],
  'where a constant is not zero': [
    tensor('flags', { dtype: 'bool', shape: [2, 3], data: Uint8Array.of(1, 0, 1, 0, 0, 1) }),
    node('NonZero', 'flags', 'places'),
    long('last', -1),
    node('ReduceMax', 'places last', 'most', { keepdims: int(0) }),
    node('Gather', 'in most', 'out', { axis: int(1) }),
  ],
  'one-hot rows': [
    node('ArgMax', 'in', 'best', { axis: int(-1), keepdims: int(0) }),
    node('Constant', '', 'depth', { value_int: int(5) }),
    node('Constant', '', 'values', { value_floats: { kind: 'floats', value: [0.25, 2] } }),
    node('OneHot', 'best depth values', 'hot', { axis: int(-1) }),
    node('Mul', 'in hot', 'out'),
  ],
  'one-hot columns of indices from the end': [
    tensor('list', { dtype: 'int64', shape: [5], data: BigInt64Array.of(0n, -1n, 3n, -4n, 9n) }),
    node('Constant', '', 'depth', { value_int: int(4) }),
    node('Constant', '', 'values', { value_floats: { kind: 'floats', value: [0, 1] } }),
    node('OneHot', 'list depth values', 'hot', { axis: int(0) }),
    node('Mul', 'in hot', 'out'),
  ],
  'elements by computed tuples': [
    node('ArgMax', 'in', 'best', { axis: int(-1), keepdims: int(1) }),
    node('GatherND', 'in best', 'out', { batch_dims: int(2) }),
  ],
};

/** What is left once the graph is built. */
const VANISHING = [
  'Shape',
  'ConstantOfShape',
  'Range',
  'Size',
  'EyeLike',
  'NonZero',
  'OneHot',
  'GatherND',
  'Trilu',
];

function modelOf(nodes: readonly SketchNode[]): Uint8Array {
  return writeForward({
    name: 'known',
    input: { name: 'in', shape: [4, 5] },
    parameters: [],
    nodes,
    output: { name: 'out' },
  });
}

describe('what exporters write', () => {
  it.skipIf(!hasRuntime).each(Object.entries(CHAINS))('%s', async (_, nodes) => {
    const bytes = modelOf(nodes);
    const x = uniform(numbers(1), [3, 4, 5], -2, 2);
    const compiled = compilePrediction(importModel(bytes), { batchSize: 3 });
    const original = (await (await load32(bytes))(new Map([['in', x]]))).get('out');
    const ours = (await (await load32(compiled.bytes))(new Map([['x', x]]))).get('out');
    expect(ours?.length).toBeGreaterThan(0);
    // ONNX Runtime fuses x (1 / y) to x / y where it sees it.
    expect(worstDifference(ours ?? [], original ?? [])).toBeLessThan(1e-6);
    const text = Buffer.from(compiled.bytes).toString('latin1');
    for (const op of VANISHING) expect(text).not.toContain(op);
  });
});

describe('what is refused', () => {
  const problemOf = (nodes: readonly SketchNode[]) => {
    try {
      importModel(modelOf(nodes));
      return undefined;
    } catch (error) {
      if (error instanceof HanseError) return error.code;
      throw error;
    }
  };
  const added = (...nodes: SketchNode[]) => [...nodes, node('Add', 'in made', 'out')];
  const scalar = (output: string, value: number) =>
    node('Constant', '', output, { value_float: float(value) });
  const rangeOf = (from: number, to: number, by: number) =>
    added(
      scalar('from', from),
      scalar('to', to),
      scalar('by', by),
      node('Range', 'from to by', 'range'),
      long('first', 0),
      node('Gather', 'range first', 'made'),
    );
  const rows = (count: number) =>
    added(
      long('side', count, count),
      node('ConstantOfShape', 'side', 'like'),
      node('EyeLike', 'like', 'eye'),
      node('ReduceMax', 'eye', 'made', { keepdims: int(0) }),
    );

  it.each<[string, SketchNode[], SketchNode[], string]>([
    ['a sequence without end', rangeOf(0, 5, 1), rangeOf(0, 5, 0), 'graphMalformed'],
    ['a sequence that is too long', rangeOf(0, 1e6, 1), rangeOf(0, 1e7, 1), 'graphMalformed'],
    ['a sequence of no numbers', rangeOf(0, 5, 1), rangeOf(Number.NaN, 5, 1), 'graphMalformed'],
    [
      'a sequence of computed length',
      rangeOf(0, 5, 1),
      added(
        scalar('one', 1),
        node('ReduceSum', 'in', 'n', { keepdims: int(0) }),
        node('Range', 'one n one', 'made'),
      ),
      'operatorUnsupported',
    ],
    ['a matrix that is too large', rows(100), rows(1025), 'graphMalformed'],
    ['an identity like what is no matrix', rows(2), added(node('EyeLike', 'in', 'made')), 'graphMalformed'],
    [
      'a constant without value',
      added(scalar('made', 1)),
      added(node('Constant', '', 'made')),
      'graphMalformed',
    ],
    [
      'a constant of two values',
      added(scalar('made', 1)),
      added(node('Constant', '', 'made', { value_float: float(1), value_int: int(1) })),
      'graphMalformed',
    ],
    [
      'a constant that is text',
      added(scalar('made', 1)),
      added(node('Constant', '', 'made', { value_string: { kind: 'string', value: 'one' } })),
      'graphMalformed',
    ],
    [
      'a shape with a negative length',
      added(long('side', 4, 5), node('ConstantOfShape', 'side', 'made')),
      added(long('side', 4, -5), node('ConstantOfShape', 'side', 'made')),
      'graphMalformed',
    ],
    [
      'a shape beyond all memory',
      added(long('side', 4, 5), node('ConstantOfShape', 'side', 'made')),
      added(long('side', 1e6, 1e6, 4, 5), node('ConstantOfShape', 'side', 'made')),
      'graphTooLarge',
    ],
    [
      'where computed values are not zero',
      added(scalar('made', 1)),
      [node('NonZero', 'in', 'out')],
      'operatorUnsupported',
    ],
    [
      'one-hot rows of no known width',
      CHAINS['one-hot rows'] ?? [],
      (CHAINS['one-hot rows'] ?? []).map((one) =>
        one.op === 'OneHot' ? node('OneHot', 'best best values', 'hot') : one,
      ),
      'graphMalformed',
    ],
  ])('%s', (_, taken, refused, code) => {
    expect(problemOf(taken)).toBeUndefined();
    expect(problemOf(refused)).toBe(code);
  });
});
