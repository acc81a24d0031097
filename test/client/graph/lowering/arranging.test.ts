// covers: client/graph/lowering/view.ts, client/graph/lowering/product.ts, client/graph/lowering/einsum.ts, client/graph/lowering/einsum-equation.ts, client/graph/lowering/indexing.ts
/**
 * Operators that arrange, index and contract, against the operators themselves.
 */
import { describe, expect, it } from 'vitest';
import { int, string } from '../../../../client/graph/attribute.ts';
import { importModel } from '../../../../client/graph/import-model.ts';
import { EINSUM_LOWERINGS } from '../../../../client/graph/lowering/einsum.ts';
import { parseEquation } from '../../../../client/graph/lowering/einsum-equation.ts';
import { INDEXING_LOWERINGS } from '../../../../client/graph/lowering/indexing.ts';
import { PRODUCT_LOWERINGS } from '../../../../client/graph/lowering/product.ts';
import { VIEW_LOWERINGS } from '../../../../client/graph/lowering/view.ts';
import { isProblem } from '../../../../protocol/problem.ts';
import { hasRuntime } from '../onnx-runtime.ts';
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

function integer(value: number | bigint): Operand {
  return { constant: { dtype: 'int64', shape: [], data: BigInt64Array.of(BigInt(value)) } };
}

/** A table of indices of this shape. */
function indices(shape: number[], ...values: number[]): Operand {
  return { constant: { dtype: 'int64', shape, data: BigInt64Array.from(values, BigInt) } };
}

const TILES: LoweredCase[] = [
  { name: 'Tile, last axis', op: 'Tile', x: [2, 3], others: [integers(1, 2)] },
  { name: 'Tile, all axes', op: 'Tile', x: [2, 1, 3], others: [integers(2, 3, 2)] },
  { name: 'Tile, nothing to repeat', op: 'Tile', x: [2, 3], others: [integers(1, 1)] },
  {
    name: 'Tile, as many axes as there may be',
    op: 'Tile',
    x: [2, 1, 2, 1, 2, 1, 2, 1],
    others: [integers(1, 2, 2, 2, 1, 1, 2, 1)],
  },
];

const TRIANGLES: LoweredCase[] = [
  { name: 'Trilu, upper', op: 'Trilu', x: [3, 4] },
  { name: 'Trilu, lower', op: 'Trilu', x: [2, 4, 3], attributes: { upper: int(0) } },
  { name: 'Trilu, above the diagonal', op: 'Trilu', x: [2, 3, 3], others: [integer(1)] },
  {
    name: 'Trilu, below the diagonal',
    op: 'Trilu',
    x: [3, 3],
    others: [integer(-2)],
    attributes: { upper: int(0) },
  },
  { name: 'Trilu, nothing left', op: 'Trilu', x: [3, 3], others: [integer(3)] },
  { name: 'Trilu, everything left', op: 'Trilu', x: [3, 2], others: [integer(-3)] },
];

const BLOCKS: LoweredCase[] = [
  { name: 'DepthToSpace', op: 'DepthToSpace', x: [2, 8, 2, 3], attributes: { blocksize: int(2) } },
  {
    name: 'DepthToSpace, columns first',
    op: 'DepthToSpace',
    x: [1, 18, 2, 1],
    attributes: { blocksize: int(3), mode: string('CRD') },
  },
  { name: 'SpaceToDepth', op: 'SpaceToDepth', x: [2, 2, 4, 6], attributes: { blocksize: int(2) } },
];

const SPLITS: LoweredCase[] = [
  {
    name: 'Split, as many parts as outputs',
    op: 'Split',
    opset: 13,
    x: [2, 6],
    attributes: { axis: int(1) },
    outputs: 3,
  },
  {
    name: 'Split, given parts',
    op: 'Split',
    x: [2, 6],
    others: [integers(1, 5)],
    attributes: { axis: int(1) },
    outputs: 2,
  },
  {
    name: 'Split, the last part shorter',
    op: 'Split',
    x: [2, 5],
    attributes: { axis: int(1), num_outputs: int(2) },
    outputs: 2,
  },
];

const PRODUCTS: LoweredCase[] = [
  { name: 'MatMul, matrix by vector', op: 'MatMul', x: [2, 3], others: [parameter(3)] },
  { name: 'MatMul, stack by vector', op: 'MatMul', x: [2, 4, 3], others: [parameter(3)] },
  { name: 'MatMul, vector by matrix', op: 'MatMul', x: [3], others: [parameter(3, 4)] },
  { name: 'MatMul, vector by stack', op: 'MatMul', x: [3], others: [parameter(2, 3, 4)] },
  { name: 'MatMul, vector by vector', op: 'MatMul', x: [3], others: [parameter(3)] },
  { name: 'MatMul, matrices', op: 'MatMul', x: [2, 3], others: [parameter(3, 4)] },
];

function einsum(equation: string, x: number[], ...others: number[][]): LoweredCase {
  return {
    name: `Einsum ${equation}`,
    op: 'Einsum',
    x,
    others: others.map((shape) => parameter(...shape)),
    attributes: { equation: string(equation) },
  };
}

const EINSUMS: LoweredCase[] = [
  einsum('bqhd,bkhd->bhqk', [3, 2, 2, 4], [3, 5, 2, 4]),
  einsum('bhqk,bkhd->bqhd', [3, 2, 2, 5], [3, 5, 2, 4]),
  einsum('bij,bjk->bik', [3, 2, 4], [3, 4, 2]),
  einsum('i,j->ij', [3], [4]),
  einsum('bi,bi->b', [3, 4], [3, 4]),
  einsum('bi,oi->bo', [3, 4], [2, 4]),
  einsum('...ij,...jk->...ik', [3, 2, 4], [3, 4, 2]),
  einsum('...ij,...jk->...ik', [3, 1, 3, 4], [1, 2, 4, 2]),
  einsum('...ij,...jk', [3, 2, 4], [1, 4, 2]),
  einsum(' b i , i j -> b j ', [2, 3], [3, 4]),
  einsum('bi,ij', [2, 3], [3, 4]),
  einsum('ba', [2, 3]),
  einsum('bij->bji', [2, 3, 4]),
  einsum('bij->b', [2, 3, 4]),
  einsum('bij->', [2, 3, 4]),
  einsum('b...->...b', [2, 3, 4]),
  einsum('bi,bi->', [3, 2], [3, 2]),
  einsum('bi,j->b', [2, 3], [4]),
  einsum('bij,jb->i', [3, 2, 4], [4, 3]),
  einsum('ib,jb->bij', [3, 2], [4, 2]),
  einsum('kij,kjl->ilk', [3, 2, 4], [3, 4, 5]),
  einsum('bij,j->ib', [2, 3, 4], [4]),
  einsum('bhwc,hwco->bo', [2, 2, 3, 2], [2, 3, 2, 4]),
  einsum('bi,ij,jk->bk', [2, 3], [3, 4], [4, 2]),
  einsum('bn,anm,bm->ba', [3, 4], [2, 4, 2], [3, 2]),
  einsum('Bi,iA->AB', [2, 3], [3, 4]),
];

const INDEXING: LoweredCase[] = [
  { name: 'GatherND, elements', op: 'GatherND', x: [3, 4], others: [indices([3, 2], 0, 1, 2, -1, -3, 0)] },
  { name: 'GatherND, slices', op: 'GatherND', x: [3, 4, 2], others: [indices([2, 2, 1], 0, 2, -1, 0)] },
  {
    name: 'GatherND, for each example',
    op: 'GatherND',
    x: [3, 3, 4],
    others: [indices([3, 2, 1], 1, 2, 0, 0, -1, 1)],
    attributes: { batch_dims: int(1) },
  },
  {
    name: 'ScatterND, elements',
    op: 'ScatterND',
    x: [3, 4],
    others: [indices([3, 2], 0, 1, 2, 3, 1, 0), parameter(3)],
  },
  {
    name: 'ScatterND, slices',
    op: 'ScatterND',
    x: [3, 2, 2],
    others: [indices([2, 1], 2, 0), parameter(2, 2, 2)],
  },
  {
    name: 'ScatterND, adding',
    op: 'ScatterND',
    x: [3, 4],
    others: [indices([3, 1], 0, 1, 0), parameter(3, 4)],
    attributes: { reduction: string('add') },
  },
  { name: 'CumSum', op: 'CumSum', x: [2, 3, 4], others: [integer(1)] },
  { name: 'CumSum, last axis', op: 'CumSum', x: [2, 3], others: [integer(-1)] },
  {
    name: 'CumSum, backwards',
    op: 'CumSum',
    x: [3, 2, 2],
    others: [integer(0)],
    attributes: { reverse: int(1) },
  },
  {
    name: 'CumSum, of those before',
    op: 'CumSum',
    x: [2, 4],
    others: [integer(1)],
    attributes: { exclusive: int(1) },
  },
  {
    name: 'CumSum, of those behind',
    op: 'CumSum',
    x: [2, 4],
    others: [integer(1)],
    attributes: { exclusive: int(1), reverse: int(1) },
  },
];

/** Where the first input is no batch: its first axis is whatever the case says. */
const CASES = [...TILES, ...TRIANGLES, ...BLOCKS, ...SPLITS, ...PRODUCTS, ...EINSUMS, ...INDEXING].map(
  (one) => [one.name, one] as const,
);

describe.skipIf(!hasRuntime)('what the operator itself computes', () => {
  it.each(CASES)('%s', async (_, one) => {
    await expectSamePrediction(one);
  });
});

describe('gradients', () => {
  it.each(CASES)('%s', (_, one) => {
    expectRightGradients(one);
  });
});

describe('what is refused', () => {
  const einsumOf = (equation: string): Partial<LoweredCase> => ({
    attributes: { equation: string(equation) },
  });
  const matrices = einsum('bi,ij->bj', [2, 3], [3, 4]);
  const blocks = {
    name: 'blocks',
    op: 'DepthToSpace',
    x: [2, 8, 2, 3],
    attributes: { blocksize: int(2) },
  } as const;
  const tile = { name: 'tile', op: 'Tile', x: [2, 3], others: [integers(1, 2)] } as const;
  const gather = {
    name: 'gather',
    op: 'GatherND',
    x: [2, 3],
    others: [indices([2, 2], 0, 1, 1, 2)],
  } as const;
  const scatter = {
    name: 'scatter',
    op: 'ScatterND',
    x: [3, 4],
    others: [indices([2, 1], 0, 1), parameter(2, 4)],
  } as const;
  const running = { name: 'running', op: 'CumSum', x: [2, 3], others: [integer(1)] } as const;
  const split = {
    name: 'split',
    op: 'Split',
    x: [2, 6],
    attributes: { axis: int(1), num_outputs: int(2) },
  } as const;

  const pairs: [string, LoweredCase, Partial<LoweredCase>][] = [
    ['an equation without text', matrices, { attributes: {} }],
    ['an equation of one operand for two', matrices, einsumOf('bi->b')],
    ['an equation with two results', matrices, einsumOf('bi,ij->bj->b')],
    ['an axis too many', matrices, einsumOf('bik,ij->bj')],
    ['an axis too few', matrices, einsumOf('b,ij->bj')],
    ['a strange letter', matrices, einsumOf('b1,1j->bj')],
    ['two ellipses in a term', matrices, einsumOf('......bi,ij->bj')],
    ['an axis twice in an operand', matrices, einsumOf('bb,bj->bj')],
    ['an axis twice in the result', matrices, einsumOf('bi,ij->bbj')],
    ['a result from nowhere', matrices, einsumOf('bi,ij->bjz')],
    ['axes that differ', matrices, einsumOf('bi,ji->bj')],
    ['an equation without end', matrices, einsumOf(`${'b'.repeat(5000)}!`)],
    ['whole numbers', matrices, { others: [indices([3, 1], 1, 2, 3)] }],
    ['channels that make no block', blocks, { x: [2, 6, 2, 3] }],
    ['blocks of nothing', blocks, { attributes: { blocksize: int(0) } }],
    ['blocks of no size', blocks, { attributes: {} }],
    ['an unknown order of blocks', blocks, { attributes: { blocksize: int(2), mode: string('RCD') } }],
    ['images without height', blocks, { x: [2, 8, 2] }],
    ['space that makes no block', { ...blocks, op: 'SpaceToDepth', x: [2, 1, 4, 4] }, { x: [2, 1, 4, 3] }],
    ['repetition of too few axes', tile, { others: [integers(2)] }],
    ['no repetition', tile, { others: [integers(0, 1)] }],
    ['computed repetition', tile, { others: ['x'] }],
    ['a triangle of a vector', { name: 'trilu', op: 'Trilu', x: [2, 3] }, { x: [2] }],
    ['two diagonals', { name: 'trilu', op: 'Trilu', x: [2, 3] }, { others: [integers(0, 1)] }],
    ['an index beyond', gather, { others: [indices([2, 2], 0, 1, 1, 3)] }],
    ['tuples longer than there are axes', gather, { others: [indices([1, 3], 0, 0, 0)] }],
    [
      'batches that differ',
      gather,
      { attributes: { batch_dims: int(1) }, others: [indices([4, 1], 0, 0, 0, 0)] },
    ],
    ['more batches than axes', gather, { attributes: { batch_dims: int(9) } }],
    ['a negative number of batches', gather, { attributes: { batch_dims: int(-1) } }],
    ['updates that do not fit', scatter, { others: [indices([2, 1], 0, 1), parameter(2, 3)] }],
    ['another reduction', scatter, { attributes: { reduction: string('mul') } }],
    ['a running sum along two axes', running, { others: [integers(0, 1)] }],
    ['a running sum along no axis', running, { others: [integer(2)] }],
    ['a running sum of a very long axis', { ...running, x: [2, 8192] }, { x: [2, 8193] }],
    ['more parts than there are places', split, { attributes: { axis: int(1), num_outputs: int(9) } }],
    ['both ways to say how many parts', split, { others: [integers(3, 3)] }],
    [
      'parts that are not all',
      { ...split, attributes: { axis: int(1) }, others: [integers(1, 5)] },
      { others: [integers(1, 4)] },
    ],
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
    expect(problemOf(taken)).toBeUndefined();
    expect(isProblem(problemOf({ ...taken, ...change }), 'graphMalformed')).toBe(true);
  });

  it('has a case for every operator', () => {
    const rules = { ...EINSUM_LOWERINGS, ...PRODUCT_LOWERINGS, ...VIEW_LOWERINGS, ...INDEXING_LOWERINGS };
    const covered = new Set<string>(CASES.map(([, { op }]) => op));
    expect(Object.keys(rules).filter((op) => !covered.has(op))).toEqual(['OneHot']);
  });
});

describe('equations', () => {
  it('name axes, those of an ellipsis aligned at the end', () => {
    expect(parseEquation('a...b,b->...a', [4, 1])).toEqual({
      operands: [['a', '.0', '.1', 'b'], ['b']],
      output: ['.0', '.1', 'a'],
    });
    expect(parseEquation('...a,...a', [3, 2])).toEqual({
      operands: [
        ['.0', '.1', 'a'],
        ['.1', 'a'],
      ],
      output: ['.0', '.1'],
    });
    expect(parseEquation('ca,ab', [2, 2])).toMatchObject({ output: ['b', 'c'] });
    expect(parseEquation('->', [0])).toEqual({ operands: [[]], output: [] });
  });
});
