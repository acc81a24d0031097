/**
 * What a lowering is: an ONNX operator of a model written as operators that have rules of their own, so that its
 * gradient, its shape and its reference are those of what it is made of. What it computes is defined by the ONNX
 * operator specifications, opsets 7 to 23; inputs and attributes are attacker-controlled.
 */
import { type Attributes, intAttribute } from '../attribute.ts';
import type { BindMode } from '../bind-mode.ts';
import type { GradientRule } from '../gradients/gradient-rule.ts';
import type { Value } from '../graph.ts';
import type { GraphBuilder } from '../graph-builder.ts';
import { type Constant, normalizeAxes } from '../tensor-type.ts';

export interface LoweringQuery {
  readonly g: GraphBuilder;
  readonly mode: BindMode;
  /** Names the node in errors. */
  readonly label: string;
  readonly attributes: Attributes;
  /** The version of the operator specifications that the model follows. */
  readonly opset: number;
  /** How many outputs the node has. */
  readonly outputs: number;
  /** undefined where an optional input is left out. */
  readonly inputs: readonly (Value | undefined)[];
  /** Input number `index`; refuses where it is left out. */
  input(index: number): Value;
  /** The elements of an input where they are known, undefined where it is left out or computed at run time. */
  constantInput(index: number): Constant | undefined;
  /** Says that input `index` is a statistic of the data, and what it is after this step. */
  updateStatistic(index: number, next: Value): void;
  /** Says that no gradient is to pass through a value that the rule computed, and returns it. */
  stopGradient(value: Value): Value;
  /**
   * Gives a value that the rule computed a gradient of its own in place of that of its last operator, and returns it.
   * @param rule answers for the inputs of that operator; what it leaves undefined takes no gradient
   */
  closeGradient(value: Value, rule: GradientRule): Value;
  /** Throws `graphMalformed` with the node's name in front of the reason. */
  fail(reason: string): never;
  /** Throws `operatorUnsupported`: there is such an operator, but not of this. */
  unsupported(what: string): never;
}

/** The outputs of the node; those behind the last entry are not computed, and a model that reads one is refused. */
export type LoweringRule = (query: LoweringQuery) => Value | readonly Value[];

/** Refuses more inputs than the operator has. */
export function atMostInputs({ inputs, fail }: LoweringQuery, count: number): void {
  if (inputs.length > count) fail(`${inputs.length} inputs where ${count} are possible`);
}

/** Refuses an input of another element type than float32. */
export function floatInput(query: LoweringQuery, index: number): Value {
  const value = query.input(index);
  return value.dtype === 'float32'
    ? value
    : query.fail(`element type ${value.dtype} where float32 is needed`);
}

/** The axis of an attribute as an index from the start of this shape. */
export function axisAttribute(query: LoweringQuery, { shape }: Value, otherwise: number): number {
  const axis = intAttribute(query.attributes, 'axis', otherwise);
  const [normal] = normalizeAxes([axis], shape.length) ?? [];
  return normal ?? query.fail(`axis ${axis} of shape [${shape}]`);
}
