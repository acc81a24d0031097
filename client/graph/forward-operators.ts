/**
 * What a model may be made of: operators that have rules, and operators that are written as those or vanish because
 * what they compute is known when the graph is built. Nothing else runs.
 */
import { isLoweredOperator, LOWERING_RULES, type LoweredOperator } from './lowering/lowering-rules.ts';
import { isOperator, type Operator, operatorNames } from './shapes/shape-rules.ts';

export type ForwardOperator = Operator | LoweredOperator;

/** In alphabetical order. */
export function supportedOperators(): string[] {
  return [...new Set([...operatorNames(), ...Object.keys(LOWERING_RULES)])].sort();
}

export function isForwardOperator(name: string): name is ForwardOperator {
  return isOperator(name) || isLoweredOperator(name);
}
