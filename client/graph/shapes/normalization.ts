/**
 * Shape of layer normalisation: that of its input, and for mean and inverse deviation the same with 1 on the axes
 * that are normalised.
 */
import { intAttribute } from '../attribute.ts';
import { normalizeAxes, sameShape, type TensorType } from '../tensor-type.ts';
import { atMostInputs, expectType, requiredInput, type ShapeQuery, type ShapeRule } from './shape-rule.ts';

function layerNormalization(query: ShapeQuery): readonly TensorType[] {
  atMostInputs(query, 3);
  const { shape } = requiredInput(query, 0);
  const [axis] = normalizeAxes([intAttribute(query.attributes, 'axis', -1)], shape.length) ?? [];
  if (axis === undefined) return query.fail(`no such axis of shape [${shape}]`);
  const inner = shape.slice(axis);
  if (inner.includes(0)) query.fail(`no elements in shape [${shape}]`);
  for (const value of [requiredInput(query, 0), requiredInput(query, 1), query.inputs[2]])
    if (value) expectType(query, value, 'float32');
  for (const value of query.inputs.slice(1))
    if (value && !sameShape(value.shape, inner))
      query.fail(`shape [${value.shape}] where [${inner}] is needed`);
  const kept = shape.map((length, index) => (index < axis ? length : 1));
  return [shape, kept, kept].map((each) => ({ dtype: 'float32', shape: each }));
}

export const NORMALIZATION_SHAPES = { LayerNormalization: layerNormalization } satisfies Record<
  string,
  ShapeRule
>;
