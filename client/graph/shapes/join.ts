/**
 * Shapes of tensors laid side by side along an axis, and of the reverse.
 */
import { intAttribute } from '../attribute.ts';
import { axisLength, type Shape, type TensorType } from '../tensor-type.ts';
import {
  atMostInputs,
  axisAttribute,
  expectType,
  integersInput,
  requiredInput,
  type ShapeQuery,
} from './shape-rule.ts';

/** Most parts that a tensor is split into: as many as there may be outputs of a node. */
const MAX_PARTS = 256;

function concat(query: ShapeQuery): TensorType {
  const first = requiredInput(query, 0);
  if (query.attributes.axis === undefined) query.fail('axis is missing');
  const axis = axisAttribute(query, first.shape.length, 0);
  let length = 0;
  query.inputs.forEach((_, index) => {
    const value = requiredInput(query, index);
    expectType(query, value, first.dtype);
    if (value.shape.length !== first.shape.length || !agreeBeside(axis, value.shape, first.shape))
      query.fail(`[${first.shape}] beside [${value.shape}] along axis ${axis}`);
    length += axisLength(value.shape, axis);
  });
  return { dtype: first.dtype, shape: first.shape.with(axis, length) };
}

function agreeBeside(axis: number, a: Shape, b: Shape): boolean {
  return a.every((length, other) => other === axis || length === b[other]);
}

/** Parts of the given lengths, or `num_outputs` parts of which the last may be shorter. */
function split(query: ShapeQuery): TensorType[] {
  atMostInputs(query, 2);
  const { dtype, shape } = requiredInput(query, 0);
  const axis = axisAttribute(query, shape.length, 0);
  const whole = axisLength(shape, axis);
  const asked = integersInput(query, 1, MAX_PARTS);
  const count = intAttribute(query.attributes, 'num_outputs', 0);
  if (asked && query.attributes.num_outputs) query.fail('split and num_outputs exclude each other');
  const parts = asked ?? evenParts(query, whole, count);
  const fit = parts.length > 0 && parts.every((part) => part >= 0);
  if (!fit || parts.reduce((sum, part) => sum + part, 0) !== whole)
    query.fail(`parts ${parts} of an axis of ${whole}`);
  return parts.map((part) => ({ dtype, shape: shape.with(axis, part) }));
}

function evenParts(query: ShapeQuery, whole: number, count: number): number[] {
  if (!(count >= 1 && count <= MAX_PARTS)) return query.fail(`${count} parts of an axis of ${whole}`);
  const part = Math.ceil(whole / count);
  const parts = Array<number>(count).fill(part);
  parts[count - 1] = whole - part * (count - 1);
  return parts;
}

export const JOIN_SHAPES = { Concat: concat, Split: split };
