/**
 * What a model may be made of: operators that have rules, operators that are written as those, and operators that
 * vanish because what they compute is known when the graph is built. Nothing else runs.
 */
import { FOLDED_OPERATORS } from './fold-shapes.ts';
import { isLoweredOperator, LOWERING_RULES, type LoweredOperator } from './lowering/lowering-rules.ts';
import { isOperator, type Operator, operatorNames } from './shapes/shape-rules.ts';

export type ForwardOperator = Operator | LoweredOperator | (typeof FOLDED_OPERATORS)[number];

/** In alphabetical order. */
export function supportedOperators(): string[] {
  return [...new Set([...operatorNames(), ...Object.keys(LOWERING_RULES), ...FOLDED_OPERATORS])].sort();
}

export function isForwardOperator(name: string): name is ForwardOperator {
  return isOperator(name) || isLoweredOperator(name) || FOLDED_OPERATORS.some((folded) => folded === name);
}
