/**
 * Cases of elementwise operators: on floats, and on whole numbers and truth values, where no gradient flows.
 */
import { int } from '../../../../client/graph/attribute.ts';
import type { Value } from '../../../../client/graph/graph.ts';
import type { GraphBuilder } from '../../../../client/graph/graph-builder.ts';
import type { Operator } from '../../../../client/graph/shapes/shape-rules.ts';
import type { DType } from '../../../../client/graph/tensor-type.ts';
import { binary, type OperatorCase, special, unary } from './operator-case.ts';

function power(exponent: number, range: readonly [number, number] = [-2, 2]): OperatorCase {
  return special(
    'Pow',
    `exponent ${exponent}`,
    [[2, 3]],
    (g, [a]) => g.apply('Pow', [a, g.scalar(exponent)]),
    range,
  );
}

export const ELEMENTWISE_CASES: readonly OperatorCase[] = [
  ...binary('Add'),
  ...binary('Sub'),
  ...binary('Mul'),
  ...binary('Div', [0.5, 2]),
  ...binary('Pow', [0.5, 2]),
  power(2),
  power(3),
  power(0),
  power(1),
  power(-2, [0.5, 2]),
  power(0.5, [0.5, 2]),
  special('Pow', 'exponents among which is 0', [[2, 3]], (g, [a]) =>
    g.apply('Pow', [a, g.constant({ dtype: 'float32', shape: [3], data: Float32Array.of(0, 1, 2) })]),
  ),
  special('Mul', 'a square', [[2, 3]], (g, [a]) => g.mul(a as Value, a as Value)),
  unary('Neg'),
  unary('Identity'),
  unary('Exp'),
  unary('Log', [0.5, 3]),
  unary('Sqrt', [0.5, 3]),
  unary('Reciprocal', [0.5, 3]),
  { ...unary('Erf', [-3, 3]), tolerance: 1e-7 },
  unary('Sin', [-4, 4]),
  unary('Cos', [-4, 4]),
  unary('Tan', [-1, 1]),
  unary('Asin', [-0.9, 0.9]),
  unary('Acos', [-0.9, 0.9]),
  unary('Atan', [-3, 3]),
  unary('Sinh'),
  unary('Cosh'),
  unary('Asinh', [-3, 3]),
  unary('Acosh', [1.5, 4]),
  unary('Atanh', [-0.9, 0.9]),
  unary('Ceil'),
  unary('Floor'),
  unary('Round'),
  unary('Sign'),
  special('Cast', 'to the same type', [[2, 3]], (g, [a]) => g.cast(a as Value, 'float32')),
];

/** The operator on inputs made whole, and its result made float32 again. */
function whole(op: Operator, dtype: DType, count: number, attributes = {}): OperatorCase {
  const shapes = [[4, 3], [3], [4, 1]].slice(0, count);
  const build = (g: GraphBuilder, inputs: readonly Value[]) => {
    const integers = inputs.map((value) => g.cast(value, dtype));
    return g.cast(g.apply(op, integers, attributes), 'float32');
  };
  return special(op, `of ${dtype}`, shapes, build, [-4, 4]);
}

/** Integers are only divided by constants. */
function division(op: 'Div' | 'Mod', dtype: 'int32' | 'int64', fmod = 0): OperatorCase {
  return special(
    op,
    `of ${dtype}, fmod ${fmod}`,
    [[5, 2]],
    (g, [a]) => {
      const divisors = [3, -3];
      const divisor =
        dtype === 'int64'
          ? g.integers(divisors)
          : g.constant({ dtype, shape: [2], data: Int32Array.from(divisors) });
      const attributes = op === 'Mod' ? { fmod: int(fmod) } : {};
      return g.cast(g.apply(op, [g.cast(a as Value, dtype), divisor], attributes), 'float32');
    },
    [-20, 20],
  );
}

/** Truth values: whether each input is above 0. */
function truth(op: 'And' | 'Or' | 'Xor' | 'Not' | 'Equal'): OperatorCase {
  const shapes = op === 'Not' ? [[4, 3]] : [[4, 3], [3]];
  return special(op, 'of truth values', shapes, (g, inputs) => {
    const values = inputs.map((value) => g.apply('Greater', [value, g.scalar(0)]));
    return g.cast(g.apply(op, values), 'float32');
  });
}

/** Rounded, so that some are equal. */
function comparison(op: 'Equal' | 'Greater' | 'GreaterOrEqual' | 'Less' | 'LessOrEqual'): OperatorCase {
  return special(op, 'of floats', [[5, 4], [4]], (g, inputs) => {
    const values = inputs.map((value) => g.apply('Round', [value]));
    return g.cast(g.apply(op, values), 'float32');
  });
}

export const WHOLE_ELEMENTWISE_CASES: readonly OperatorCase[] = [
  ...(['int32', 'int64'] as const).flatMap((dtype) => [
    ...(
      [
        'Add',
        'Sub',
        'Mul',
        'Max',
        'Min',
        'Equal',
        'Greater',
        'GreaterOrEqual',
        'Less',
        'LessOrEqual',
      ] as const
    ).map((op) => whole(op, dtype, 2)),
    ...(['Abs', 'Neg', 'Sign'] as const).map((op) => whole(op, dtype, 1)),
    whole('Max', dtype, 3),
    division('Div', dtype),
    division('Mod', dtype),
    division('Mod', dtype, 1),
    special(
      'Where',
      `of ${dtype}`,
      [[4, 3], [3]],
      (g, [a, b]) => {
        const [left, right] = [g.cast(a as Value, dtype), g.cast(b as Value, dtype)];
        return g.cast(g.where(g.apply('Less', [left, right]), left, right), 'float32');
      },
      [-4, 4],
    ),
    special('Clip', `of ${dtype}`, [[4, 3], [], []], (g, inputs) => {
      const [a, b, c] = inputs.map((value) => g.cast(value, dtype));
      return g.cast(g.apply('Clip', [a, g.apply('Min', [b, c]), g.apply('Max', [b, c])]), 'float32');
    }),
  ]),
  ...(['And', 'Or', 'Xor', 'Not', 'Equal'] as const).map(truth),
  ...(['Equal', 'Greater', 'GreaterOrEqual', 'Less', 'LessOrEqual'] as const).map(comparison),
  special('IsNaN', 'of roots of negative numbers', [[4, 3]], (g, [a]) =>
    g.cast(g.apply('IsNaN', [g.apply('Sqrt', [a])]), 'float32'),
  ),
  ...[{}, { detect_negative: int(0) }, { detect_positive: int(0) }].map((attributes) =>
    special('IsInf', `of reciprocals, ${Object.keys(attributes)}`, [[4, 3]], (g, [a]) =>
      g.cast(g.apply('IsInf', [g.apply('Reciprocal', [g.apply('Round', [a])])], attributes), 'float32'),
    ),
  ),
  ...(['int32', 'int64', 'bool'] as const).map((dtype) =>
    special(
      'Cast',
      `to ${dtype} and back`,
      [[4, 3]],
      (g, [a]) => g.cast(g.cast(a as Value, dtype), 'float32'),
      [-4, 4],
    ),
  ),
  special('Cast', 'between whole numbers and truth values', [[4, 3]], (g, [a]) => {
    const whole = g.cast(g.cast(a as Value, 'int32'), 'int64');
    return g.cast(g.cast(g.cast(whole, 'bool'), 'int32'), 'float32');
  }),
];
