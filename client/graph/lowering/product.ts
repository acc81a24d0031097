/**
 * Products with vectors, written as products of matrices: a vector on the left is a row, on the right a column, and
 * the result has neither. ONNX operator specification of MatMul, as numpy.matmul.
 */
import type { Value } from '../graph.ts';
import type { LoweringQuery } from './lowering-rule.ts';

function matMul({ g, inputs, attributes, label, input }: LoweringQuery): Value {
  const [left, right] = [input(0), input(1)];
  const [isRow, isColumn] = [left.shape.length === 1, right.shape.length === 1];
  if (!isRow && !isColumn) return g.apply('MatMul', inputs, attributes, label);
  const a = isRow ? g.reshape(left, [1, ...left.shape]) : left;
  const b = isColumn ? g.reshape(right, [...right.shape, 1]) : right;
  const product = g.apply('MatMul', [a, b, ...inputs.slice(2)], attributes, label);
  const rank = product.shape.length;
  return g.reshape(
    product,
    product.shape.filter((_, axis) => !(isRow && axis === rank - 2) && !(isColumn && axis === rank - 1)),
  );
}

export const PRODUCT_LOWERINGS = { MatMul: matMul };
