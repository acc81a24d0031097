/**
 * Shapes of operators that work on each element by itself, with multidirectional broadcasting. Arithmetic is on
 * float32, and on int32 and int64 where models reckon with positions and lengths; operands are of one type.
 */
import { intAttribute } from '../attribute.ts';
import type { DType, TensorType } from '../tensor-type.ts';
import {
  atMostInputs,
  broadcast,
  expectOneOf,
  expectType,
  requiredInput,
  type ShapeQuery,
  type ShapeRule,
} from './shape-rule.ts';

const FLOAT = ['float32'] as const;
const NUMERIC = ['float32', 'int32', 'int64'] as const;
const INTEGER = ['int32', 'int64'] as const;
const TRUTH = ['bool'] as const;
const ANY = ['float32', 'int32', 'int64', 'bool'] as const;

/** Cast's `to`, as numbered by TensorProto.DataType. */
const CAST_TARGETS = new Map([
  [1, 'float32'],
  [6, 'int32'],
  [7, 'int64'],
  [9, 'bool'],
] as const);

/** One input, and an output of its type or of that given. */
function unary(dtypes: readonly DType[], result?: DType): ShapeRule {
  return (query) => {
    atMostInputs(query, 1);
    const { dtype, shape } = expectOneOf(query, requiredInput(query, 0), dtypes);
    return { dtype: result ?? dtype, shape };
  };
}

/** `count` inputs of one type, any number of them where it is left out. */
function together(dtypes: readonly DType[], count?: number, result?: DType): ShapeRule {
  return (query) => {
    if (count !== undefined) atMostInputs(query, count);
    const { dtype } = expectOneOf(query, requiredInput(query, 0), dtypes);
    const values = Array.from({ length: count ?? query.inputs.length }, (_, index) =>
      requiredInput(query, index),
    );
    for (const value of values) expectType(query, value, dtype);
    return { dtype: result ?? dtype, shape: broadcast(query, values) };
  };
}

/** Integers divided by 0, or the least one by -1, end the process of ONNX Runtime: divisors must be known. */
function integerDivision(rule: ShapeRule): ShapeRule {
  return (query) => {
    const result = rule(query);
    if (query.inputs[0]?.dtype === 'float32') return result;
    const divisor = query.constantInput(1);
    if (divisor === undefined) return query.fail('the divisor of integers must be a constant');
    if (
      Array.from<number | bigint>(divisor.data).some((value) => Number(value) === 0 || Number(value) === -1)
    )
      query.fail('integers are not divided by 0 or -1');
    return result;
  };
}

function clip(query: ShapeQuery): TensorType {
  atMostInputs(query, 3);
  const { dtype, shape } = expectOneOf(query, requiredInput(query, 0), NUMERIC);
  for (const bound of query.inputs.slice(1)) {
    if (bound === undefined) continue;
    expectType(query, bound, dtype);
    if (bound.shape.length !== 0) query.fail(`bound of shape [${bound.shape}] where a scalar is needed`);
  }
  return { dtype, shape };
}

function where(query: ShapeQuery): TensorType {
  atMostInputs(query, 3);
  const condition = requiredInput(query, 0);
  const a = expectOneOf(query, requiredInput(query, 1), NUMERIC);
  const b = requiredInput(query, 2);
  expectType(query, condition, 'bool');
  expectType(query, b, a.dtype);
  return { dtype: a.dtype, shape: broadcast(query, [condition, a, b]) };
}

function cast(query: ShapeQuery): TensorType {
  atMostInputs(query, 1);
  const to = intAttribute(query.attributes, 'to', 0);
  const dtype = [...CAST_TARGETS].find(([number]) => number === to)?.[1];
  if (dtype === undefined) return query.fail(`Cast to element type ${to}`);
  return { dtype, shape: requiredInput(query, 0).shape };
}

export const ELEMENTWISE_SHAPES = {
  Abs: unary(NUMERIC),
  Acos: unary(FLOAT),
  Acosh: unary(FLOAT),
  Add: together(NUMERIC, 2),
  And: together(TRUTH, 2),
  Asin: unary(FLOAT),
  Asinh: unary(FLOAT),
  Atan: unary(FLOAT),
  Atanh: unary(FLOAT),
  Cast: cast,
  Ceil: unary(FLOAT),
  Clip: clip,
  Cos: unary(FLOAT),
  Cosh: unary(FLOAT),
  Div: integerDivision(together(NUMERIC, 2)),
  Equal: together(ANY, 2, 'bool'),
  Erf: unary(FLOAT),
  Exp: unary(FLOAT),
  Floor: unary(FLOAT),
  Greater: together(NUMERIC, 2, 'bool'),
  GreaterOrEqual: together(NUMERIC, 2, 'bool'),
  Identity: unary(ANY),
  IsInf: unary(FLOAT, 'bool'),
  IsNaN: unary(FLOAT, 'bool'),
  Less: together(NUMERIC, 2, 'bool'),
  LessOrEqual: together(NUMERIC, 2, 'bool'),
  Log: unary(FLOAT),
  Max: together(NUMERIC),
  Min: together(NUMERIC),
  Mod: integerDivision(together(INTEGER, 2)),
  Mul: together(NUMERIC, 2),
  Neg: unary(NUMERIC),
  Not: unary(TRUTH),
  Or: together(TRUTH, 2),
  Pow: together(FLOAT, 2),
  Reciprocal: unary(FLOAT),
  Round: unary(FLOAT),
  Sign: unary(NUMERIC),
  Sin: unary(FLOAT),
  Sinh: unary(FLOAT),
  Sqrt: unary(FLOAT),
  Sub: together(NUMERIC, 2),
  Tan: unary(FLOAT),
  Where: where,
  Xor: together(TRUTH, 2),
} satisfies Record<string, ShapeRule>;
