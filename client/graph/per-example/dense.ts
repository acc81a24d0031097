/**
 * Gradients of single examples by the matrix of a dense layer, Y = A W: with the rows a_t of an example and the
 * gradients d_t of its outputs, the gradient is G = sum_t a_t' d_t.
 *
 *   one row (T = 1)     |G|^2 = |a|^2 |d|^2, and G is never built
 *   sequences, T > 1    |G|^2 = sum_st (a_s . a_t) (d_s . d_t), the Gram form, or G itself where that is cheaper
 *
 * The weighted sum is A' D with every row of D times the factor of its example, or comes from the G themselves.
 */
import { inputGradients } from '../autodiff.ts';
import type { Value } from '../graph.ts';
import type { GraphBuilder } from '../graph-builder.ts';
import { axisLength, elementCount } from '../tensor-type.ts';
import { alongExamples, type ExampleGradient, type Junction, squaredRows } from './example-gradient.ts';

/** Rows of examples and the gradients by what became of them: [B, T, K] and [B, T, N], for G [K, N]. */
export interface DenseRows {
  readonly rows: Value;
  readonly gradients: Value;
  /** Whether the shared matrix is [N, K]. */
  readonly isTransposed: boolean;
}

export function denseGradient(
  junction: Junction,
  { rows, gradients, isTransposed }: DenseRows,
): ExampleGradient {
  const { g, batchSize } = junction;
  const positions = axisLength(rows.shape, 1);
  const [width, outputs] = [axisLength(rows.shape, 2), axisLength(gradients.shape, 2)];
  let product: Value | undefined;
  const materialized = () => {
    const [left, right] = isTransposed ? [gradients, rows] : [rows, gradients];
    product ??= g.reshape(g.apply('MatMul', [swapped(g, left), right]), [batchSize, width * outputs]);
    return product;
  };
  const isGramCheaper = positions * (width + outputs) < width * outputs;
  return {
    materialized,
    squaredNorm() {
      if (positions === 1) return g.mul(atLeastSquared(g, rows), atLeastSquared(g, gradients));
      if (!isGramCheaper) return squaredRows(g, materialized());
      return gramNorm(g, rows, gradients);
    },
    weightedSum(factor) {
      if (positions === 1 || isGramCheaper) return scaledRule(junction, factor);
      const shape = isTransposed ? [outputs, width] : [width, outputs];
      return g.reshape(g.gemm(g.reshape(factor, [1, batchSize]), materialized()), shape);
    },
  };
}

/**
 * The least normal number of float32: products that are less may have become zero. They would do no harm by themselves, but
 * what a sum of them is multiplied with may be as large as they are small.
 */
const LEAST_NORMAL = 2 ** -126;
/** Unit round-off of float32. */
export const ROUND_OFF = 2 ** -24;

/** [B, ...] to [B]: the sum of the squares of each row, and not less by those that have become zero. */
function atLeastSquared(g: GraphBuilder, value: Value): Value {
  const lost = (elementCount(value.shape) / axisLength(value.shape, 0)) * LEAST_NORMAL;
  return g.add(squaredRows(g, value), g.scalar(lost));
}

/**
 * [B, T, K] and [B, T, N] to [B]: sum_st (a_s . a_t) (d_s . d_t), and not less by
 *
 *   products that have become zero in one of the Gram matrices: sum_st |a_s . a_t| <= T sum_t |a_t|^2
 *   roundings of all sums, gamma_(K + N + 2T + 8) (sum_t |a_t| |d_t|)^2: Higham 2002, section 3.1. Rows that cancel each other
 *   leave a gradient of which the sum has nothing else
 */
export function gramNorm(g: GraphBuilder, rows: Value, gradients: Value): Value {
  const [positions, width, outputs] = [
    axisLength(rows.shape, 1),
    axisLength(rows.shape, 2),
    axisLength(gradients.shape, 2),
  ];
  const both = g.mul(gram(g, rows), gram(g, gradients));
  const total = g.reduce('ReduceSum', g.reduce('ReduceSum', both, [2], false), [1], false);
  const times = (value: Value, factor: number) => g.mul(value, g.scalar(factor));
  const vanished = g.add(
    times(squaredRows(g, rows), positions * outputs * LEAST_NORMAL),
    times(squaredRows(g, gradients), positions * width * LEAST_NORMAL),
  );
  const sizes = g.reduce('ReduceSum', g.mul(lengths(g, rows), lengths(g, gradients)), [1], false);
  const roundings = (width + outputs + 2 * positions + 8) * ROUND_OFF;
  return g.add(g.add(total, vanished), times(g.mul(sizes, sizes), roundings));
}

/** [B, T, K] to [B, T]: the L2 norms of the rows. */
export function lengths(g: GraphBuilder, rows: Value): Value {
  return g.apply('Sqrt', [g.reduce('ReduceSum', g.mul(rows, rows), [2], false)]);
}

/** [B, T, K] to [B, T, T]: the products of the rows of each example. */
export function gram(g: GraphBuilder, rows: Value): Value {
  return g.apply('MatMul', [rows, swapped(g, rows)]);
}

function swapped(g: GraphBuilder, value: Value): Value {
  return axisLength(value.shape, 1) === 1
    ? g.reshape(value, [axisLength(value.shape, 0), axisLength(value.shape, 2), 1])
    : g.transpose(value, [0, 2, 1]);
}

/** The gradient that the rule of the node gives for the gradients by its output, each example's times its factor. */
export function scaledRule({ g, tape, query, index, batch }: Junction, factor: Value): Value {
  const scaled = g.mul(query.upstream, alongExamples(g, factor, query.upstream.shape, batch));
  const build = inputGradients(tape, { ...query, upstream: scaled, upstreams: [scaled] })[index];
  if (!build) throw new RangeError(`${query.node.op} has no gradient by input ${index}`);
  return build();
}

/** A value whose last axis is not that of the examples, as [B, T, width]. @param first with its examples in front */
export function asRows(g: GraphBuilder, first: Value): Value {
  const [batchSize = 1] = first.shape;
  const width = axisLength(first.shape, -1);
  return g.reshape(first, [batchSize, elementCount(first.shape) / (batchSize * width), width]);
}
