/**
 * What an optimiser is to the compiler: the state it keeps and the update it builds.
 *
 * A batch whose weights are all zero must leave parameters and state as they are, to the bit (save that a negative
 * zero may become a positive one). Its gradients are zero, so optimisers only switch their scalars by `active`, which
 * costs nothing per parameter.
 */
import type { Value } from '../graph.ts';
import type { GraphBuilder } from '../graph-builder.ts';

/** State that belongs to one parameter (same shape) or to the whole optimiser (a scalar). */
export interface StateNames {
  readonly perParameter: readonly string[];
  readonly shared: readonly string[];
}

export interface StepScalars {
  /** [], the learning rate. */
  readonly learningRate: Value;
  /** [] bool, whether any example of the batch has weight. */
  readonly active: Value;
  /** Whether a factor may go into the loss gradient: not where the norm of the gradient decides something. */
  readonly isScalable: boolean;
}

export interface ParameterUpdate {
  readonly parameter: Value;
  /** In the order of `StateNames.perParameter`. */
  readonly state: readonly Value[];
}

/** The update of one step, its shared scalars built. */
export interface StepUpdate {
  /** Multiplies the loss gradient before it is propagated back; undefined leaves it as it is. */
  readonly gradientScale: Value | undefined;
  /** The shared state after the step, in the order of `StateNames.shared`. */
  readonly shared: readonly Value[];
  update(parameter: Value, gradient: Value, state: readonly Value[]): ParameterUpdate;
}

export interface OptimizerRule {
  readonly stateNames: StateNames;
  beginStep(g: GraphBuilder, scalars: StepScalars, shared: readonly Value[]): StepUpdate;
}

/** The entry of a state list; the compiler passes as many as the rule named. */
export function stateAt(state: readonly Value[], index: number): Value {
  const value = state[index];
  if (value === undefined) throw new RangeError(`state ${index} of ${state.length}`);
  return value;
}
