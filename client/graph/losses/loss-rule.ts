/**
 * What a loss is to the compiler: a sum over examples, each with a coefficient of its own, together with its
 * gradient, built as one because they share most of their terms.
 *
 *   total = sum_i c_i l(output_i, target_i)
 *
 * Training takes c_i = w_i / sum_j(w_j m_j) with m_j the mass of an example: 1, or where parts of examples count
 * differently (class weights, ignored labels, tokens) what the parts of example j weigh together; l is then the sum
 * over the parts. Evaluation takes c_i = w_i and adds up the masses beside. An example with c_i = 0 adds nothing.
 */
import type { TensorSpec } from '../compiled.ts';
import type { Value } from '../graph.ts';
import type { GraphBuilder } from '../graph-builder.ts';
import type { Shape } from '../tensor-type.ts';

export interface LossTerms {
  /** [], the coefficient-weighted sum of the losses. */
  readonly total: Value;
  /** Builds the gradient of `total` by the output, of the output's shape. */
  gradient(): Value;
}

/** Weighted sums, []: of right predictions, and of all that could have been right. */
export interface Correctness {
  readonly right: Value;
  readonly counted: Value;
}

export interface LossRule {
  /**
   * Element type and shape of the target for outputs of this shape, batch axis first.
   * Returns a string that says what outputs the loss takes where it does not take these.
   */
  target(output: Shape): Pick<TensorSpec, 'type' | 'shape'> | string;
  /** [B], the mass of every example; undefined where it is 1. */
  mass(g: GraphBuilder, output: Value, target: Value): Value | undefined;
  /** @param coefficient [B] */
  terms(g: GraphBuilder, output: Value, target: Value, coefficient: Value): LossTerms;
  /** @param weight [B] */
  correct(g: GraphBuilder, output: Value, target: Value, weight: Value): Correctness;
}

/** [B] made [B, 1, 1, ...], so that it multiplies along the batch axis of a value of this rank. */
export function alongBatch(g: GraphBuilder, perExample: Value, rank: number): Value {
  return g.reshape(perExample, [...perExample.shape, ...Array<number>(rank - 1).fill(1)]);
}

/** Elements of one example: the product of all axes but the first. */
export function elementsPerExample(shape: Shape): number {
  return shape.slice(1).reduce((count, length) => count * length, 1);
}
