/**
 * Folds a node whose inputs are known: one table of rules, and a bound on the work that a graph may ask for.
 *
 * Exporters write the arithmetic of shapes, masks and positions as nodes. Once the batch size is known all of it is
 * constant, and shape inference needs to know it.
 */
import type { Operator } from '../shapes/shape-rules.ts';
import { type Constant, elementCount } from '../tensor-type.ts';
import { ARITHMETIC_FOLDINGS } from './arithmetic.ts';
import type { FoldingQuery, FoldingRule } from './folding-rule.ts';
import { REDUCTION_FOLDINGS } from './reductions.ts';
import { VIEW_FOLDINGS } from './views.ts';

const FOLDING_RULES: Readonly<Partial<Record<Operator, FoldingRule>>> = {
  ...ARITHMETIC_FOLDINGS,
  ...REDUCTION_FOLDINGS,
  ...VIEW_FOLDINGS,
};

/** Elements that one node may read and give; larger ones are computed at run time. */
export const MAX_FOLDED_ELEMENTS = 1_048_576;

/** The same for all nodes of a graph together: a second or two of work. */
const MAX_FOLDED_IN_TOTAL = 8 * MAX_FOLDED_ELEMENTS;

/** How much has been folded in a graph and in the graphs within it. */
export interface FoldingBudget {
  spent: number;
}

/** The outputs of the node, or undefined where it has to be computed at run time. */
export function foldConstants(
  op: Operator,
  query: FoldingQuery,
  budget: FoldingBudget,
): readonly Constant[] | undefined {
  const rule = FOLDING_RULES[op];
  if (!rule) return undefined;
  let elements = 0;
  for (const type of [...query.inputs, ...query.outputs]) if (type) elements += elementCount(type.shape);
  if (elements > MAX_FOLDED_ELEMENTS || budget.spent + elements > MAX_FOLDED_IN_TOTAL) return undefined;
  budget.spent += elements;
  // Elements may be decoded at each access: once is enough.
  const inputs = query.inputs.map((constant) => constant && { ...constant });
  return rule({ ...query, inputs });
}
