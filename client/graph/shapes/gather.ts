/**
 * Shapes of operators that pick elements by indices, and of those that put elements where indices say. Indices may be
 * computed at run time; those that are known are compared with the axis that they point into.
 */
import { stringAttribute } from '../attribute.ts';
import { axisLength, type Shape, sameShape, type TensorType } from '../tensor-type.ts';
import { atMostInputs, axisAttribute, expectType, requiredInput, type ShapeQuery } from './shape-rule.ts';

/** The tensor that holds indices into an axis of this length, counted from the end where they are negative. */
function indicesInput(query: ShapeQuery, index: number, length: number): TensorType {
  const indices = requiredInput(query, index);
  if (indices.dtype !== 'int64' && indices.dtype !== 'int32')
    query.fail(`element type ${indices.dtype} where int32 or int64 is needed`);
  const known = query.constantInput(index);
  for (const value of known?.data ?? [])
    if (!(value >= -length && value < length)) query.fail(`index ${value} into an axis of ${length}`);
  return indices;
}

function gather(query: ShapeQuery): TensorType {
  atMostInputs(query, 2);
  const { dtype, shape } = requiredInput(query, 0);
  const axis = axisAttribute(query, shape.length, 0);
  const indices = indicesInput(query, 1, axisLength(shape, axis));
  return { dtype, shape: [...shape.slice(0, axis), ...indices.shape, ...shape.slice(axis + 1)] };
}

function gatherElements(query: ShapeQuery): TensorType {
  atMostInputs(query, 2);
  const { dtype, shape } = requiredInput(query, 0);
  const axis = axisAttribute(query, shape.length, 0);
  const indices = indicesInput(query, 1, axisLength(shape, axis));
  requireWithin(query, indices.shape, shape, axis);
  return { dtype, shape: indices.shape };
}

function scatterElements(query: ShapeQuery): TensorType {
  atMostInputs(query, 3);
  const { dtype, shape } = requiredInput(query, 0);
  const axis = axisAttribute(query, shape.length, 0);
  const indices = indicesInput(query, 1, axisLength(shape, axis));
  requireWithin(query, indices.shape, shape, axis);
  const updates = requiredInput(query, 2);
  expectType(query, updates, dtype);
  if (!sameShape(updates.shape, indices.shape))
    query.fail(`indices [${indices.shape}] for updates [${updates.shape}]`);
  const reduction = stringAttribute(query.attributes, 'reduction', 'none');
  if (reduction !== 'none' && reduction !== 'add')
    query.fail(`reduction ${reduction}; none and add are known`);
  return { dtype, shape };
}

/** Positions along the other axes are those of the tensor itself, so there are no more of them. */
function requireWithin(query: ShapeQuery, indices: Shape, shape: Shape, axis: number): void {
  const fits = indices.every((length, other) => other === axis || length <= (shape[other] ?? 0));
  if (indices.length !== shape.length || !fits)
    query.fail(`indices [${indices}] along axis ${axis} of [${shape}]`);
}

export const GATHER_SHAPES = {
  Gather: gather,
  GatherElements: gatherElements,
  ScatterElements: scatterElements,
};
