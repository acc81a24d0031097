/**
 * Shapes of reductions and of Softmax, which work along axes.
 */
import { intAttribute } from '../attribute.ts';
import { normalizeAxes, reducedShape, type TensorType } from '../tensor-type.ts';
import { atMostInputs, expectType, integersInput, requiredInput, type ShapeQuery } from './shape-rule.ts';

function reduction(query: ShapeQuery): TensorType {
  atMostInputs(query, 2);
  const { shape } = requiredInput(query, 0);
  expectType(query, requiredInput(query, 0), 'float32');
  const keepDims = intAttribute(query.attributes, 'keepdims', 1) !== 0;
  const asked = integersInput(query, 1) ?? [];
  if (asked.length === 0 && intAttribute(query.attributes, 'noop_with_empty_axes', 0) !== 0)
    return { dtype: 'float32', shape };
  const axes = normalizeAxes(asked.length > 0 ? asked : [...shape.keys()], shape.length);
  if (axes === undefined) return query.fail(`axes ${asked} of shape [${shape}]`);
  return { dtype: 'float32', shape: reducedShape(shape, axes, keepDims) };
}

function softmax(query: ShapeQuery): TensorType {
  atMostInputs(query, 1);
  const value = requiredInput(query, 0);
  expectType(query, value, 'float32');
  const axis = intAttribute(query.attributes, 'axis', -1);
  if (normalizeAxes([axis], value.shape.length) === undefined)
    query.fail(`axis ${axis} of shape [${value.shape}]`);
  return { dtype: 'float32', shape: value.shape };
}

export const REDUCE_SHAPES = {
  ReduceMax: reduction,
  ReduceMean: reduction,
  ReduceMin: reduction,
  ReduceSum: reduction,
  Softmax: softmax,
};
