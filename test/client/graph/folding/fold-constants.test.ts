// covers: client/graph/folding/fold-constants.ts, client/graph/folding/folding-rule.ts, client/graph/folding/arithmetic.ts, client/graph/folding/reductions.ts, client/graph/folding/views.ts
/**
 * What is folded, against ONNX Runtime computing the same nodes: equal to the bit.
 */
import { describe, expect, it } from 'vitest';
import { type Attributes, int, ints, string } from '../../../../client/graph/attribute.ts';
import { MAX_FOLDED_ELEMENTS } from '../../../../client/graph/folding/fold-constants.ts';
import type { Value } from '../../../../client/graph/graph.ts';
import { GraphBuilder } from '../../../../client/graph/graph-builder.ts';
import { encodeModel } from '../../../../client/graph/onnx-encode.ts';
import type { Operator } from '../../../../client/graph/shapes/shape-rules.ts';
import { type Constant, elementCount } from '../../../../client/graph/tensor-type.ts';
import { hasRuntime, load32 } from '../onnx-runtime.ts';
import { numbers } from '../random-arrays.ts';

const random = numbers(7);

function floats(shape: number[], ...data: number[]): Constant {
  const drawn = Array.from({ length: elementCount(shape) }, () => 200 * random.unit() - 100);
  return { dtype: 'float32', shape, data: Float32Array.from(data.length > 0 ? data : drawn) };
}

function longs(shape: number[], ...data: (number | bigint)[]): Constant {
  return { dtype: 'int64', shape, data: BigInt64Array.from(data, BigInt) };
}

function words(shape: number[], ...data: number[]): Constant {
  return { dtype: 'int32', shape, data: Int32Array.from(data) };
}

function bools(shape: number[], ...data: number[]): Constant {
  return { dtype: 'bool', shape, data: Uint8Array.from(data) };
}

const ODD = [0, -0, 1, -1.5, 2.5, -0.5, 1e-45, 3.4e38, -3e38, 1 / 3, Number.POSITIVE_INFINITY, -7.5];
const LONG = [0, -1, 7, -7, 2n ** 62n, -(2n ** 63n), 2n ** 63n - 1n, 2n ** 53n + 1n];
const WORD = [0, -1, 7, -7, 2 ** 30, -(2 ** 31), 2 ** 31 - 1, 12345];

type Case = readonly [how: string, op: Operator, inputs: (Constant | undefined)[], attributes?: Attributes];

const UNARY: Case[] = (
  ['Abs', 'Ceil', 'Floor', 'Neg', 'Reciprocal', 'Round', 'IsNaN', 'Identity'] as const
).map((op) => [op, op, [floats([ODD.length], ...ODD)]]);

const BINARY: Case[] = (['Add', 'Sub', 'Mul'] as const).flatMap((op): Case[] => [
  [`${op} of floats`, op, [floats([50, 3]), floats([3])]],
  [`${op} of int64`, op, [longs([8, 1], ...LONG), longs([1, 8], ...LONG)]],
  [`${op} of int32`, op, [words([8, 1], ...WORD), words([8], ...WORD)]],
]);

const COMPARISONS: Case[] = (['Equal', 'Greater', 'GreaterOrEqual', 'Less', 'LessOrEqual'] as const).flatMap(
  (op): Case[] => [
    [`${op} of floats`, op, [floats([12, 1], ...ODD), floats([12], ...ODD)]],
    [`${op} of int64`, op, [longs([8, 1], ...LONG), longs([8], ...LONG)]],
  ],
);

const CASES: Case[] = [
  ...UNARY,
  ...BINARY,
  ...COMPARISONS,
  ['Sqrt', 'Sqrt', [floats([40], ...Array.from({ length: 40 }, () => random.unit() * 1e6))]],
  ['Sign of floats', 'Sign', [floats([3], -2.5, 7, 0)]],
  ['Sign of int64', 'Sign', [longs([8], ...LONG)]],
  ['Abs of int32', 'Abs', [words([3], -5, 0, 5)]],
  ['Neg of int64', 'Neg', [longs([8], ...LONG)]],
  ['Div of floats', 'Div', [floats([60]), floats([60])]],
  ['Div of int64', 'Div', [longs([4], 7, -7, 2n ** 62n, 0), longs([4], 2, 2, 3, 5)]],
  ['Div of int32', 'Div', [words([4], 7, -7, 9, 0), words([], -2)]],
  ['Mod of int64', 'Mod', [longs([4], 7, -7, 7, -7), longs([4], 3, 3, -3, -3)]],
  ['Mod of int64, truncated', 'Mod', [longs([4], 7, -7, 7, -7), longs([4], 3, 3, -3, -3)], { fmod: int(1) }],
  ['Max of floats', 'Max', [floats([9]), floats([9]), floats([1])]],
  ['Max of int64', 'Max', [longs([8], ...LONG), longs([], 5)]],
  ['Min of int32', 'Min', [words([8], ...WORD), words([1], 5)]],
  ['Cast to int64', 'Cast', [floats([4], 1.9, -1.9, -0, 1e9)], { to: int(7) }],
  ['Cast to int32', 'Cast', [floats([3], 2.5, -2.5, 7)], { to: int(6) }],
  ['Cast to bool', 'Cast', [floats([4], 0, -0, 0.1, -3)], { to: int(9) }],
  ['Cast to float', 'Cast', [longs([4], 2 ** 53, -(2 ** 40) - 1, 16777217, 0)], { to: int(1) }],
  ['Cast of bool', 'Cast', [bools([3], 1, 0, 1)], { to: int(7) }],
  ['Cast to its own type', 'Cast', [floats([3], 3e38, 1, -2)], { to: int(1) }],
  ['And', 'And', [bools([4], 0, 0, 1, 1), bools([4], 0, 1, 0, 1)]],
  ['Or', 'Or', [bools([4], 0, 0, 1, 1), bools([4], 0, 1, 0, 1)]],
  ['Xor', 'Xor', [bools([4], 0, 0, 1, 1), bools([4], 0, 1, 0, 1)]],
  ['Not', 'Not', [bools([2], 0, 1)]],
  ['Where of int64', 'Where', [bools([2, 1], 1, 0), longs([8], ...LONG), longs([], 4)]],
  // The Where of ONNX Runtime makes 0 of -0.
  [
    'Where of floats',
    'Where',
    [bools([12], ...ODD.map((_, at) => at % 2)), floats([12], ...ODD.slice(2), 4, 5), floats([1], 6)],
  ],
  ['ReduceSum of int64', 'ReduceSum', [longs([2, 4], ...LONG), longs([1], 1)], { keepdims: int(0) }],
  ['ReduceSum of all int32', 'ReduceSum', [words([2, 4], ...WORD)]],
  ['ReduceSum of nothing', 'ReduceSum', [longs([0, 2]), longs([1], 0)], { keepdims: int(0) }],
  [
    'ReduceProd of int64',
    'ReduceProd',
    [longs([2, 3], 1, 2, 3, 4, 5, 6), longs([1], -1)],
    { keepdims: int(0) },
  ],
  ['ReduceMax of floats', 'ReduceMax', [floats([3, 4, 2]), longs([2], 0, 2)], { keepdims: int(1) }],
  ['ReduceMin of int64', 'ReduceMin', [longs([2, 4], ...LONG), longs([1], 0)], { keepdims: int(0) }],
  ['Concat', 'Concat', [longs([2, 2], 1, 2, 3, 4), longs([2, 1], 2n ** 62n, -1)], { axis: int(1) }],
  ['Concat of bool', 'Concat', [bools([1], 1), bools([2], 0, 1)], { axis: int(0) }],
  ['Expand', 'Expand', [longs([2, 1], 2n ** 62n, -1), longs([2], 2, 3)]],
  ['Flatten', 'Flatten', [floats([2, 1, 3])]],
  ['Gather', 'Gather', [longs([2, 3], ...LONG.slice(0, 6)), longs([2], -1, 0)], { axis: int(1) }],
  ['GatherElements', 'GatherElements', [floats([2, 2]), longs([2, 2], 0, 1, 1, -1)], { axis: int(1) }],
  ['Pad with zeros', 'Pad', [longs([2], ...LONG.slice(4, 6)), longs([2], 1, 2)]],
  ['Pad with a value', 'Pad', [words([2, 2], 1, 2, 3, 4), longs([2], 1, 0), words([], 9), longs([1], 0)]],
  ['Pad by reflection', 'Pad', [floats([2, 3]), longs([4], 1, 2, 0, 1)], { mode: string('reflect') }],
  ['Reshape', 'Reshape', [bools([2, 2], 1, 0, 0, 1), longs([1], -1)]],
  ['ScatterElements', 'ScatterElements', [longs([3], 1, 2, 3), longs([2], 2, -3), longs([2], 2n ** 60n, 8)]],
  [
    'Slice',
    'Slice',
    [longs([8], ...LONG), longs([1], -1), longs([1], -(2n ** 63n)), longs([1], 0), longs([1], -2)],
  ],
  ['Split', 'Split', [longs([3, 2], 1, 2, 3, 4, 5, 6), longs([2], 1, 2)]],
  ['Squeeze', 'Squeeze', [longs([1, 2, 1], 1, 2), longs([1], 0)]],
  ['Transpose', 'Transpose', [floats([2, 3, 4])], { perm: ints([1, 2, 0]) }],
  ['Unsqueeze', 'Unsqueeze', [longs([], 2n ** 62n), longs([1], 0)]],
];

/** The operator applied to constants by a builder, which folds. */
function folded(inputs: readonly (Constant | undefined)[], op: Operator, attributes: Attributes) {
  const g = new GraphBuilder('folded');
  const values = inputs.map((constant) => constant && g.constant(constant));
  const outputs = g.applyAll(op, values, attributes);
  return { isFolded: g.nodes.length === 0, constants: outputs.map((value) => g.constantOf(value)), outputs };
}

/** The same as a graph with the node still in it. */
function unfolded(
  inputs: readonly (Constant | undefined)[],
  op: Operator,
  attributes: Attributes,
  outputs: readonly Value[],
) {
  const constants = new Map<Value, Constant>();
  const values = inputs.map((constant) => {
    if (!constant) return undefined;
    const value = { dtype: constant.dtype, shape: constant.shape };
    constants.set(value, constant);
    return value;
  });
  return {
    name: 'unfolded',
    inputs: [],
    constants,
    nodes: [{ op, inputs: values, outputs, attributes }],
    outputs: outputs.map((value, index) => ({ name: `out${index}`, value })),
  };
}

function bits(data: ArrayLike<number | bigint> | undefined): unknown {
  return data instanceof Float32Array
    ? Array.from(new Uint32Array(data.buffer, data.byteOffset, data.length))
    : Array.from(data ?? []);
}

describe.skipIf(!hasRuntime)('folded is what ONNX Runtime computes, to the bit', () => {
  it.each(CASES.map((one) => [one[0], one] as const))('%s', async (_, [, op, inputs, attributes = {}]) => {
    const { isFolded, constants, outputs } = folded(inputs, op, attributes);
    expect(isFolded).toBe(true);
    const run = await load32(encodeModel(unfolded(inputs, op, attributes, outputs)));
    const results = await run(new Map());
    constants.forEach((constant, index) => {
      expect(bits(constant?.data)).toEqual(bits(results.get(`out${index}`)));
    });
  });
});

describe('folding', () => {
  const isFolded = (op: Operator, inputs: Constant[], attributes: Attributes = {}) =>
    folded(inputs, op, attributes).isFolded;

  it('leaves what is not the same on every machine', () => {
    expect(isFolded('Exp', [floats([2], 1, 2)])).toBe(false);
    expect(isFolded('ReduceSum', [floats([2], 1, 2)])).toBe(false);
    expect(isFolded('Sqrt', [floats([2], 1, 4)])).toBe(true);
    expect(isFolded('Sqrt', [floats([2], 1, -4)])).toBe(false);
    expect(isFolded('Div', [floats([1], 0), floats([1], 0)])).toBe(false);
    expect(isFolded('Max', [floats([1], 0), floats([1], -0)])).toBe(false);
    expect(isFolded('ReduceMax', [floats([2], -0, 0)])).toBe(false);
    expect(isFolded('ReduceMax', [floats([2], -0, -0)])).toBe(true);
    expect(isFolded('Sign', [floats([1], -0)])).toBe(false);
  });

  it('leaves conversions without a result, and those that would round twice', () => {
    const to = { float: { to: int(1) }, int32: { to: int(6) }, int64: { to: int(7) } };
    expect(isFolded('Cast', [longs([1], 2 ** 31 - 1)], to.int32)).toBe(true);
    expect(isFolded('Cast', [longs([1], 2 ** 31)], to.int32)).toBe(false);
    expect(isFolded('Cast', [floats([1], 3e38)], to.int64)).toBe(false);
    expect(isFolded('Cast', [floats([1], Number.NaN)], to.int64)).toBe(false);
    expect(isFolded('Cast', [longs([1], 2n ** 53n)], to.float)).toBe(true);
    expect(isFolded('Cast', [longs([1], 2n ** 53n + 2n)], to.float)).toBe(false);
  });

  it('keeps the bits of a NaN that only moves', () => {
    const quiet = new Float32Array(Uint32Array.of(0xffc12345, 0x3f800000).buffer);
    const { constants } = folded(
      [{ dtype: 'float32', shape: [2], data: quiet }, longs([1], 0)],
      'Gather',
      {},
    );
    expect(bits(constants[0]?.data)).toEqual([0xffc12345]);
  });

  it('needs every input to be known', () => {
    const g = new GraphBuilder('g');
    g.add(g.input('a', 'float32', []), g.scalar(1));
    expect(g.nodes.map(({ op }) => op)).toEqual(['Add']);
    g.add(g.scalar(2), g.scalar(1));
    expect(g.nodes).toHaveLength(1);
  });

  it('uses what graphs around know', () => {
    const g = new GraphBuilder('g');
    const body = new GraphBuilder('body', g);
    const sum = body.add(g.scalar(2), body.scalar(1));
    expect(body.constantOf(sum)?.data[0]).toBe(3);
  });

  it('is bounded by node and by graph', () => {
    const expand = (g: GraphBuilder, length: number) => {
      const before = g.nodes.length;
      g.apply('Expand', [g.constant(longs([1], length)), g.integers([length])]);
      return g.nodes.length === before;
    };
    expect(expand(new GraphBuilder('g'), 1000)).toBe(true);
    expect(expand(new GraphBuilder('g'), MAX_FOLDED_ELEMENTS)).toBe(false);
    const g = new GraphBuilder('g');
    const folds = Array.from({ length: 20 }, (_, index) => expand(g, 1_000_000 - index));
    expect(folds.filter((one) => one)).toHaveLength(8);
    expect(folds[0]).toBe(true);
    expect(folds[19]).toBe(false);
  });
});
