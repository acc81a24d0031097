/**
 * Shapes of operators that arrange elements anew without computing: views, transpositions, repetition.
 */
import { intAttribute, intsAttribute } from '../attribute.ts';
import { axisLength, broadcastShapes, elementCount, normalizeAxes, type TensorType } from '../tensor-type.ts';
import { atMostInputs, integersInput, requiredInput, type ShapeQuery } from './shape-rule.ts';

function reshape(query: ShapeQuery): TensorType {
  atMostInputs(query, 2);
  const { dtype, shape } = requiredInput(query, 0);
  const target = integersInput(query, 1) ?? query.fail('input 1 is missing');
  const zeroIsZero = intAttribute(query.attributes, 'allowzero', 0) !== 0;
  const lengths = target.map((length, axis) => (length === 0 && !zeroIsZero ? (shape[axis] ?? -2) : length));
  const free = lengths.indexOf(-1);
  const rest = elementCount(lengths.filter((_, axis) => axis !== free));
  if (free >= 0) lengths[free] = rest > 0 ? elementCount(shape) / rest : -2;
  const possible = lengths.every((length) => Number.isInteger(length) && length >= 0);
  if (!possible || elementCount(lengths) !== elementCount(shape))
    return query.fail(`[${shape}] cannot become [${target}]`);
  return { dtype, shape: lengths };
}

function flatten(query: ShapeQuery): TensorType {
  atMostInputs(query, 1);
  const { dtype, shape } = requiredInput(query, 0);
  const asked = intAttribute(query.attributes, 'axis', 1);
  const axis = asked < 0 ? asked + shape.length : asked;
  if (axis < 0 || axis > shape.length) return query.fail(`axis ${asked} of shape [${shape}]`);
  return { dtype, shape: [elementCount(shape.slice(0, axis)), elementCount(shape.slice(axis))] };
}

function squeeze(query: ShapeQuery): TensorType {
  atMostInputs(query, 2);
  const { dtype, shape } = requiredInput(query, 0);
  const ones = [...shape.keys()].filter((axis) => shape[axis] === 1);
  const asked = integersInput(query, 1);
  const axes = asked ? normalizeAxes(asked, shape.length) : ones;
  if (!axes?.every((axis) => shape[axis] === 1)) return query.fail(`axes ${asked} of shape [${shape}]`);
  return { dtype, shape: shape.filter((_, axis) => !axes.includes(axis)) };
}

function unsqueeze(query: ShapeQuery): TensorType {
  atMostInputs(query, 2);
  const { dtype, shape } = requiredInput(query, 0);
  const asked = integersInput(query, 1) ?? query.fail('input 1 is missing');
  const axes = normalizeAxes(asked, shape.length + asked.length);
  if (axes === undefined) return query.fail(`axes ${asked} beside shape [${shape}]`);
  const result = [...shape];
  for (const axis of axes) result.splice(axis, 0, 1);
  return { dtype, shape: result };
}

function transpose(query: ShapeQuery): TensorType {
  atMostInputs(query, 1);
  const { dtype, shape } = requiredInput(query, 0);
  const order = intsAttribute(query.attributes, 'perm') ?? [...shape.keys()].reverse();
  if (
    order.length !== shape.length ||
    normalizeAxes(order, shape.length) === undefined ||
    order.some((a) => a < 0)
  )
    return query.fail(`perm ${order} of shape [${shape}]`);
  return { dtype, shape: order.map((axis) => axisLength(shape, axis)) };
}

function expand(query: ShapeQuery): TensorType {
  atMostInputs(query, 2);
  const { dtype, shape } = requiredInput(query, 0);
  const target = integersInput(query, 1) ?? query.fail('input 1 is missing');
  const result = target.every((length) => length >= 1) ? broadcastShapes([shape, target]) : undefined;
  return { dtype, shape: result ?? query.fail(`[${shape}] cannot expand to [${target}]`) };
}

export const VIEW_SHAPES = {
  Expand: expand,
  Flatten: flatten,
  Reshape: reshape,
  Squeeze: squeeze,
  Transpose: transpose,
  Unsqueeze: unsqueeze,
};
