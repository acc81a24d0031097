/**
 * One small graph per way of using an operator: what gradients, kernels and shapes are tested on.
 */
import { float, int } from '../../../client/graph/attribute.ts';
import type { Value } from '../../../client/graph/graph.ts';
import type { GraphBuilder } from '../../../client/graph/graph-builder.ts';
import type { Operator } from '../../../client/graph/shapes/shape-rules.ts';
import { GATHER_CASES } from './cases/gather.ts';
import { JOIN_CASES } from './cases/join.ts';
import type { OperatorCase } from './cases/operator-case.ts';
import { SLICE_CASES } from './cases/slice.ts';
import { VIEW_CASES } from './cases/view.ts';

function unary(op: Operator, range: readonly [number, number] = [-2, 2]): OperatorCase {
  return { name: op, op, inputs: [[2, 3]], range, build: (g, inputs) => g.apply(op, inputs) };
}

function binary(op: Operator, range: readonly [number, number] = [-2, 2]): OperatorCase[] {
  const shapes: [string, number[], number[]][] = [
    ['same shape', [2, 3], [2, 3]],
    ['row', [2, 3], [3]],
    ['column', [2, 1], [2, 3]],
    ['scalar', [], [2, 3]],
    ['both broadcast', [2, 1, 3], [4, 1]],
  ];
  return shapes.map(([how, a, b]) => ({
    name: `${op}, ${how}`,
    op,
    inputs: [a, b],
    range,
    build: (g, inputs) => g.apply(op, inputs),
  }));
}

function reduction(op: 'ReduceSum' | 'ReduceMean' | 'ReduceMax' | 'ReduceMin'): OperatorCase[] {
  const ways: [string, number[], boolean][] = [
    ['one axis dropped', [1], false],
    ['one axis kept', [-2], true],
    ['two axes', [0, 2], false],
    ['all axes', [0, 1, 2], false],
  ];
  const cases = ways.map(
    ([how, axes, keep]): OperatorCase => ({
      name: `${op}, ${how}`,
      op,
      inputs: [[2, 3, 4]],
      range: [-2, 2],
      build: (g, [a]) => g.reduce(op, a as Value, axes, keep),
    }),
  );
  const absent = (name: string, attributes: Parameters<GraphBuilder['apply']>[2]): OperatorCase => ({
    name: `${op}, ${name}`,
    op,
    inputs: [[2, 3]],
    range: [-2, 2],
    build: (g, inputs) => g.apply(op, inputs, attributes),
  });
  return [...cases, absent('no axes', {}), absent('no axes, none reduced', { noop_with_empty_axes: int(1) })];
}

function gemms(): OperatorCase[] {
  const cases: OperatorCase[] = [];
  for (const transA of [0, 1])
    for (const transB of [0, 1])
      for (const addend of [undefined, [2], [4, 1], [4, 2], []]) {
        const a = transA ? [3, 4] : [4, 3];
        const b = transB ? [2, 3] : [3, 2];
        cases.push({
          name: `Gemm, transA ${transA}, transB ${transB}, C ${addend ? `[${addend}]` : 'absent'}`,
          op: 'Gemm',
          inputs: addend ? [a, b, addend] : [a, b],
          range: [-2, 2],
          build: (g, inputs) =>
            g.apply('Gemm', inputs, {
              transA: int(transA),
              transB: int(transB),
              alpha: float(0.5),
              beta: float(-1.5),
            }),
        });
      }
  return cases;
}

function products(): OperatorCase[] {
  const shapes: [string, number[], number[]][] = [
    ['matrices', [2, 3], [3, 4]],
    ['stack by matrix', [2, 5, 3], [3, 4]],
    ['stack by stack', [2, 5, 3], [2, 3, 4]],
    ['broadcast stacks', [2, 1, 5, 3], [4, 3, 2]],
    ['matrix by stack', [5, 3], [2, 3, 4]],
  ];
  return shapes.map(([how, a, b]) => ({
    name: `MatMul, ${how}`,
    op: 'MatMul',
    inputs: [a, b],
    range: [-2, 2],
    build: (g, inputs) => g.apply('MatMul', inputs),
  }));
}

const SOFTMAXES: OperatorCase[] = [undefined, 0, 1].map((axis) => ({
  name: `Softmax, axis ${axis ?? 'absent'}`,
  op: 'Softmax',
  inputs: [[2, 3, 4]],
  range: [-3, 3],
  build: (g, inputs) => g.apply('Softmax', inputs, axis === undefined ? {} : { axis: int(axis) }),
}));

export const DIFFERENTIABLE_CASES: readonly OperatorCase[] = [
  ...binary('Add'),
  ...binary('Sub'),
  ...binary('Mul'),
  ...binary('Div', [0.5, 2]),
  unary('Neg'),
  unary('Identity'),
  unary('Exp'),
  unary('Log', [0.5, 3]),
  unary('Sqrt', [0.5, 3]),
  unary('Tanh'),
  unary('Sigmoid'),
  unary('Relu'),
  ...SOFTMAXES,
  ...gemms(),
  ...products(),
  ...reduction('ReduceSum'),
  ...reduction('ReduceMean'),
  ...VIEW_CASES,
  ...JOIN_CASES,
  ...SLICE_CASES,
  ...GATHER_CASES,
];

export const OTHER_CASES: readonly OperatorCase[] = [
  unary('Abs'),
  ...reduction('ReduceMax'),
  ...reduction('ReduceMin'),
  ...binary('Max'),
  {
    name: 'Where, Greater and Cast',
    op: 'Where',
    inputs: [[2, 3], [3], [2, 1]],
    range: [-2, 2],
    build: (g, [a, b, c]) => {
      const chosen = g.where(g.apply('Greater', [a, b]), a as Value, c as Value);
      return g.add(chosen, g.cast(g.apply('Greater', [c, a]), 'float32'));
    },
  },
  {
    name: 'Equal and Cast to integers',
    op: 'Equal',
    inputs: [
      [2, 3],
      [2, 1],
    ],
    range: [-1.9, 1.9],
    build: (g, [a, b]) => {
      const equal = g.apply('Equal', [g.cast(a as Value, 'int32'), g.cast(b as Value, 'int32')]);
      return g.cast(equal, 'float32');
    },
  },
];
