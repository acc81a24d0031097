/**
 * Shapes of activation functions, which are those of their input.
 */
import { intAttribute } from '../attribute.ts';
import { normalizeAxes, type TensorType } from '../tensor-type.ts';
import { atMostInputs, expectType, requiredInput, type ShapeQuery, type ShapeRule } from './shape-rule.ts';

function same(query: ShapeQuery): TensorType {
  atMostInputs(query, 1);
  const { shape } = requiredInput(query, 0);
  expectType(query, requiredInput(query, 0), 'float32');
  return { dtype: 'float32', shape };
}

function alongAxis(query: ShapeQuery): TensorType {
  const type = same(query);
  const axis = intAttribute(query.attributes, 'axis', -1);
  if (normalizeAxes([axis], type.shape.length) === undefined)
    query.fail(`axis ${axis} of shape [${type.shape}]`);
  return type;
}

export const ACTIVATION_SHAPES = {
  Elu: same,
  HardSigmoid: same,
  LeakyRelu: same,
  Relu: same,
  Sigmoid: same,
  Softmax: alongAxis,
  Softplus: same,
  Tanh: same,
} satisfies Record<string, ShapeRule>;
