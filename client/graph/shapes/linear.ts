/**
 * Shapes of matrix products.
 */
import { intAttribute } from '../attribute.ts';
import { axisLength, broadcastShapes, sameShape, type TensorType } from '../tensor-type.ts';
import { atMostInputs, expectType, requiredInput, type ShapeQuery } from './shape-rule.ts';

/** [..., M, K] x [..., K, N]; the leading axes broadcast. Vectors are refused: no exporter writes them for batches. */
function matMul(query: ShapeQuery): TensorType {
  atMostInputs(query, 2);
  const a = requiredInput(query, 0);
  const b = requiredInput(query, 1);
  expectType(query, a, 'float32');
  expectType(query, b, 'float32');
  if (a.shape.length < 2 || b.shape.length < 2)
    return query.fail(`shapes [${a.shape}] and [${b.shape}] are not matrices`);
  const batch = broadcastShapes([a.shape.slice(0, -2), b.shape.slice(0, -2)]);
  if (batch === undefined || axisLength(a.shape, -1) !== axisLength(b.shape, -2))
    return query.fail(`product of [${a.shape}] and [${b.shape}]`);
  return { dtype: 'float32', shape: [...batch, axisLength(a.shape, -2), axisLength(b.shape, -1)] };
}

/** alpha A' B' + beta C, with A' [M, K], B' [K, N] after the asked transpositions, and C broadcast to [M, N]. */
function gemm(query: ShapeQuery): TensorType {
  atMostInputs(query, 3);
  const a = requiredInput(query, 0);
  const b = requiredInput(query, 1);
  const c = query.inputs[2];
  for (const value of c ? [a, b, c] : [a, b]) expectType(query, value, 'float32');
  if (a.shape.length !== 2 || b.shape.length !== 2)
    return query.fail(`shapes [${a.shape}] and [${b.shape}] are not matrices`);
  const [m, k] = intAttribute(query.attributes, 'transA', 0) ? a.shape.toReversed() : a.shape;
  const [inner, n] = intAttribute(query.attributes, 'transB', 0) ? b.shape.toReversed() : b.shape;
  if (m === undefined || n === undefined || k !== inner)
    return query.fail(`product of [${a.shape}] and [${b.shape}]`);
  const shape = [m, n];
  if (c && !sameShape(broadcastShapes([c.shape, shape]) ?? [], shape))
    query.fail(`addend [${c.shape}] does not broadcast to [${shape}]`);
  return { dtype: 'float32', shape };
}

export const LINEAR_SHAPES = { Gemm: gemm, MatMul: matMul };
