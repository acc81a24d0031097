/**
 * The gradients of single examples by one tensor that all examples share, without building more of them than needed.
 *
 * What clipping asks first is only their norms, and for many operators those are cheaper than the gradients; what it
 * asks afterwards is one weighted sum. Bu, Mao, Xu, "Scalable and efficient training of large convolutional neural
 * networks with differential privacy" (NeurIPS 2022) for the norms, Bu, Wang, Dai, Karypis, "Differentially private
 * optimization on large model at small cost" (ICML 2023) for doing without a second backward pass.
 */
import type { Tape } from '../autodiff.ts';
import type { GradientQuery } from '../gradients/gradient-rule.ts';
import type { Value } from '../graph.ts';
import type { GraphBuilder } from '../graph-builder.ts';
import { axisLength, elementCount, type Shape } from '../tensor-type.ts';
import type { BatchAxis } from './batch-axis.ts';

/** A shared tensor meets the examples: input `index` of a node whose output differs from example to example. */
export interface Junction {
  readonly g: GraphBuilder;
  readonly tape: Tape;
  /** The node, and the gradient by its output of the sum of the losses of all examples. */
  readonly query: GradientQuery;
  readonly index: number;
  /** B >= 2 */
  readonly batchSize: number;
  /** Where the output has its examples. */
  readonly batch: BatchAxis;
  /** Where another value has them; undefined where it is shared. */
  batchAxisOf(value: Value): BatchAxis | undefined;
}

export interface ExampleGradient {
  /** [B], the squared L2 norm of the gradient of each example. */
  squaredNorm(): Value;
  /** [B, n], the gradient of each example, flat. */
  materialized(): Value;
  /** Of the shape of the shared tensor: the sum of the gradients, each times its factor. @param factor [B] */
  weightedSum(factor: Value): Value;
}

/** From the gradients themselves. @param build [B, n], built once @param shape of the shared tensor, n elements */
export function fromMaterialized(g: GraphBuilder, build: () => Value, shape: Shape): ExampleGradient {
  let built: Value | undefined;
  const gradients = () => {
    built ??= build();
    return built;
  };
  return {
    squaredNorm: () => squaredRows(g, gradients()),
    materialized: gradients,
    weightedSum(factor) {
      const row = g.reshape(factor, [1, axisLength(gradients().shape, 0)]);
      return g.reshape(g.gemm(row, gradients()), shape);
    },
  };
}

/** [B, ...] to [B]: the sum of the squares of each row. */
export function squaredRows(g: GraphBuilder, value: Value): Value {
  const [rows = 1] = value.shape;
  const flat = g.reshape(value, [rows, elementCount(value.shape) / rows]);
  return g.reduce('ReduceSum', g.mul(flat, flat), [1], false);
}

/** The value with its examples in front, [B, ...before, outer * inner, ...after]; `outer * inner` also where it is 1. */
export function examplesFirst(
  g: GraphBuilder,
  value: Value,
  { axis, inner }: BatchAxis,
  batchSize: number,
): Value {
  const { shape } = value;
  const before = shape.slice(0, axis);
  const after = shape.slice(axis + 1);
  const outer = axisLength(shape, axis) / (batchSize * inner);
  const split = g.reshape(value, [...before, outer, batchSize, inner, ...after]);
  const rest = [...split.shape.keys()].filter((position) => position !== axis + 1);
  const isFirst = elementCount(before) * outer === 1;
  const moved = isFirst ? split : g.transpose(split, [axis + 1, ...rest]);
  return g.reshape(moved, [batchSize, ...before, outer * inner, ...after]);
}

/** One factor per example, of a shape that multiplies a value of this shape example by example. @param factor [B] */
export function alongExamples(
  g: GraphBuilder,
  factor: Value,
  shape: Shape,
  { axis, inner }: BatchAxis,
): Value {
  const batchSize = elementCount(factor.shape);
  const length = axisLength(shape, axis);
  const outer = length / (batchSize * inner);
  const column = g.reshape(factor, [1, batchSize, 1]);
  const repeated =
    outer * inner === 1 ? column : g.apply('Expand', [column, g.integers([outer, batchSize, inner])]);
  return g.reshape(
    repeated,
    shape.map((_, position) => (position === axis ? length : 1)),
  );
}
