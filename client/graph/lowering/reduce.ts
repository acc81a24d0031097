/**
 * Reductions that are written as sums: of |x|, of x^2, and the logarithm of a sum.
 */
import { intAttribute } from '../attribute.ts';
import type { Value } from '../graph.ts';
import type { GraphBuilder } from '../graph-builder.ts';
import { atMostInputs, floatInput, type LoweringQuery, type LoweringRule } from './lowering-rule.ts';

interface Parts {
  before?(g: GraphBuilder, x: Value): Value;
  after?(g: GraphBuilder, sum: Value): Value;
}

function sumOf({ before, after }: Parts): LoweringRule {
  return (query: LoweringQuery) => {
    atMostInputs(query, 2);
    const { g, attributes, label } = query;
    const axes = query.inputs[1];
    const isEmpty = axes === undefined || axes.shape[0] === 0;
    // What becomes of elements that are not reduced has changed between versions.
    if (isEmpty && intAttribute(attributes, 'noop_with_empty_axes', 0) !== 0)
      query.fail('noop_with_empty_axes without axes');
    const x = floatInput(query, 0);
    const sum = g.apply('ReduceSum', [before?.(g, x) ?? x, axes], attributes, label);
    return after?.(g, sum) ?? sum;
  };
}

export const REDUCE_LOWERINGS = {
  ReduceL1: sumOf({ before: (g, x) => g.apply('Abs', [x]) }),
  ReduceLogSum: sumOf({ after: (g, sum) => g.apply('Log', [sum]) }),
  ReduceSumSquare: sumOf({ before: (g, x) => g.mul(x, x) }),
} satisfies Record<string, LoweringRule>;
