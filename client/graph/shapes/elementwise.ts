/**
 * Shapes of operators that work on each element by itself, with multidirectional broadcasting.
 */
import { intAttribute } from '../attribute.ts';
import type { TensorType } from '../tensor-type.ts';
import { atMostInputs, broadcast, expectType, requiredInput, type ShapeQuery } from './shape-rule.ts';

/** Cast's `to`, as numbered by TensorProto.DataType. */
const CAST_TARGETS = new Map([
  [1, 'float32'],
  [6, 'int32'],
  [7, 'int64'],
  [9, 'bool'],
] as const);

function unary(query: ShapeQuery): TensorType {
  atMostInputs(query, 1);
  const value = requiredInput(query, 0);
  expectType(query, value, 'float32');
  return { dtype: 'float32', shape: value.shape };
}

function identity(query: ShapeQuery): TensorType {
  atMostInputs(query, 1);
  const { dtype, shape } = requiredInput(query, 0);
  return { dtype, shape };
}

function binary(query: ShapeQuery): TensorType {
  atMostInputs(query, 2);
  const a = requiredInput(query, 0);
  const b = requiredInput(query, 1);
  expectType(query, a, 'float32');
  expectType(query, b, 'float32');
  return { dtype: 'float32', shape: broadcast(query, [a, b]) };
}

function comparison(query: ShapeQuery): TensorType {
  atMostInputs(query, 2);
  const a = requiredInput(query, 0);
  const b = requiredInput(query, 1);
  expectType(query, b, a.dtype);
  return { dtype: 'bool', shape: broadcast(query, [a, b]) };
}

function variadic(query: ShapeQuery): TensorType {
  requiredInput(query, 0);
  const values = query.inputs.map((_, index) => requiredInput(query, index));
  for (const value of values) expectType(query, value, 'float32');
  return { dtype: 'float32', shape: broadcast(query, values) };
}

function where(query: ShapeQuery): TensorType {
  atMostInputs(query, 3);
  const condition = requiredInput(query, 0);
  const a = requiredInput(query, 1);
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
  Abs: unary,
  Add: binary,
  Cast: cast,
  Div: binary,
  Equal: comparison,
  Exp: unary,
  Greater: comparison,
  Identity: identity,
  Log: unary,
  Max: variadic,
  Min: variadic,
  Mul: binary,
  Neg: unary,
  Relu: unary,
  Sigmoid: unary,
  Sqrt: unary,
  Sub: binary,
  Tanh: unary,
  Where: where,
};
