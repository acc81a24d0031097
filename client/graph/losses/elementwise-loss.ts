/**
 * Losses that compare outputs with targets element by element: l(o, y) = sum_e f(o_e, y_e) / E over the E elements of
 * an example, with the gradient f'(o, y) / E.
 */
import type { Value } from '../graph.ts';
import type { GraphBuilder } from '../graph-builder.ts';
import { alongBatch, elementsPerExample, type LossRule } from './loss-rule.ts';

export interface ElementwiseTerms {
  /** f, of the shape of the output. */
  readonly loss: Value;
  /** Builds df/do times a factor that broadcasts to the output. */
  slope(factor: Value): Value;
}

/** @param outputs what outputs it takes, for people: `outputs [B, ...]` */
export function elementwiseLoss(
  outputs: string,
  build: (g: GraphBuilder, output: Value, target: Value) => ElementwiseTerms,
): LossRule {
  return {
    target: (output) => (output.length === 0 ? outputs : { type: 'float32', shape: output }),

    mass: () => undefined,

    terms(g, output, target, coefficient) {
      const share = g.mul(coefficient, g.scalar(1 / elementsPerExample(output.shape)));
      const column = alongBatch(g, share, output.shape.length);
      const { loss, slope } = build(g, output, target);
      return { total: g.total(g.mul(loss, column)), gradient: () => slope(column) };
    },

    /** A regression is never right or wrong. */
    correct: (g) => ({ right: g.scalar(0), counted: g.scalar(0) }),
  };
}
