// covers: client/graph/shapes/shape-rule.ts, client/graph/shapes/elementwise.ts, client/graph/shapes/activation.ts, client/graph/shapes/reduce.ts
/**
 * What elementwise operators and reductions do not take; each refusal beside something like it that is taken.
 */
import { describe, expect, it } from 'vitest';
import { type Attributes, int } from '../../../../client/graph/attribute.ts';
import type { Value } from '../../../../client/graph/graph.ts';
import { GraphBuilder } from '../../../../client/graph/graph-builder.ts';
import type { Operator } from '../../../../client/graph/shapes/shape-rules.ts';
import type { DType } from '../../../../client/graph/tensor-type.ts';
import { isProblem } from '../../../../protocol/problem.ts';

interface Application {
  readonly op: Operator;
  readonly inputs: (g: GraphBuilder) => readonly (Value | undefined)[];
  readonly attributes?: Attributes;
}

function isRefused({ op, inputs, attributes }: Application): boolean {
  const g = new GraphBuilder('refusals');
  try {
    g.apply(op, inputs(g), attributes);
    return false;
  } catch (error) {
    if (isProblem(error, 'graphMalformed')) return true;
    throw error;
  }
}

function typed(dtype: DType, shape: number[] = [2, 3]) {
  return (g: GraphBuilder) => g.input(`in${g.nodes.length}`, dtype, shape);
}

/** Inputs of these types. */
function types(...dtypes: DType[]) {
  return (g: GraphBuilder) => dtypes.map((dtype) => typed(dtype)(g));
}

function dividedBy(...divisors: number[]) {
  return (g: GraphBuilder) => [typed('int64', [divisors.length])(g), g.integers(divisors)];
}

function clipBound(dtype: DType, shape: number[]) {
  return (g: GraphBuilder) => [typed('float32')(g), undefined, typed(dtype, shape)(g)];
}

const OFF = { noop_with_empty_axes: int(1) };

/** A tensor, and positions in it that are known when the graph is built. */
function positions(shape: number[], indices: number[]) {
  return (g: GraphBuilder) => [typed('float32', shape)(g), g.reshape(g.integers(Array(6).fill(0)), indices)];
}

const PAIRS: [string, taken: Application, refused: Application][] = [
  [
    'positions with more axes than the tensor',
    { op: 'GatherElements', inputs: positions([2, 3], [2, 3]) },
    { op: 'GatherElements', inputs: positions([6], [2, 3]) },
  ],
  [
    'operands of different types',
    { op: 'Add', inputs: types('int64', 'int64') },
    { op: 'Add', inputs: types('int64', 'int32') },
  ],
  [
    'arithmetic on truth values',
    { op: 'And', inputs: types('bool', 'bool') },
    { op: 'Add', inputs: types('bool', 'bool') },
  ],
  [
    'logic on numbers',
    { op: 'Xor', inputs: types('bool', 'bool') },
    { op: 'Xor', inputs: types('bool', 'int32') },
  ],
  [
    'an order of truth values',
    { op: 'Equal', inputs: types('bool', 'bool') },
    { op: 'Less', inputs: types('bool', 'bool') },
  ],
  [
    'functions of whole numbers',
    { op: 'Abs', inputs: types('int32') },
    { op: 'Erf', inputs: types('int32') },
  ],
  [
    'remainders of floats',
    { op: 'Mod', inputs: dividedBy(3) },
    { op: 'Mod', inputs: types('float32', 'float32') },
  ],
  [
    'whole divisors that are not known',
    { op: 'Div', inputs: types('float32', 'float32') },
    { op: 'Div', inputs: types('int32', 'int32') },
  ],
  ['division by zero', { op: 'Div', inputs: dividedBy(2, -3) }, { op: 'Div', inputs: dividedBy(2, 0) }],
  [
    'division that overflows',
    { op: 'Mod', inputs: dividedBy(1, 2) },
    { op: 'Mod', inputs: dividedBy(1, -1) },
  ],
  [
    'a choice between truth values, which ONNX Runtime does not make',
    { op: 'Where', inputs: types('bool', 'int64', 'int64') },
    { op: 'Where', inputs: types('bool', 'bool', 'bool') },
  ],
  [
    'a bound that is no scalar',
    { op: 'Clip', inputs: clipBound('float32', []) },
    { op: 'Clip', inputs: clipBound('float32', [3]) },
  ],
  [
    'a bound of another type',
    { op: 'Clip', inputs: clipBound('float32', []) },
    { op: 'Clip', inputs: clipBound('int32', []) },
  ],
  ['no input', { op: 'Max', inputs: types('float32') }, { op: 'Max', inputs: types() }],
  [
    'a missing input',
    { op: 'Pow', inputs: types('float32', 'float32') },
    { op: 'Pow', inputs: types('float32') },
  ],
  [
    'inputs beyond the last',
    { op: 'Softplus', inputs: types('float32') },
    { op: 'Softplus', inputs: types('float32', 'float32') },
  ],
  [
    'an unknown type to cast to',
    { op: 'Cast', inputs: types('float32'), attributes: { to: int(7) } },
    { op: 'Cast', inputs: types('float32'), attributes: { to: int(11) } },
  ],
  [
    'an axis that does not exist',
    { op: 'ArgMax', inputs: types('float32'), attributes: { axis: int(-2) } },
    { op: 'ArgMax', inputs: types('float32'), attributes: { axis: int(2) } },
  ],
  [
    'a norm over no axes, whose meaning changed',
    { op: 'ReduceSum', inputs: types('float32'), attributes: OFF },
    { op: 'ReduceL2', inputs: types('float32'), attributes: OFF },
  ],
  [
    'the largest of no elements',
    { op: 'ReduceSum', inputs: (g) => [typed('float32', [2, 0])(g)] },
    { op: 'ReduceMax', inputs: (g) => [typed('float32', [2, 0])(g)] },
  ],
  [
    'means of whole numbers',
    { op: 'ReduceMax', inputs: types('int32') },
    { op: 'ReduceMean', inputs: types('int32') },
  ],
];

describe('refused as malformed', () => {
  it.each(PAIRS)('%s', (_, taken, refused) => {
    expect(isRefused(taken)).toBe(false);
    expect(isRefused(refused)).toBe(true);
  });
});
