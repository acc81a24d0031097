/**
 * What a lowering is: an ONNX operator of a model written as operators that have rules of their own, so that its
 * gradient, its shape and its reference are those of what it is made of. What it computes is defined by the ONNX
 * operator specifications, opsets 7 to 23; inputs and attributes are attacker-controlled.
 */
import type { Attributes } from '../attribute.ts';
import type { BindMode } from '../bind-mode.ts';
import type { Value } from '../graph.ts';
import type { GraphBuilder } from '../graph-builder.ts';
import type { Constant } from '../tensor-type.ts';

export interface LoweringQuery {
  readonly g: GraphBuilder;
  readonly mode: BindMode;
  /** Names the node in errors. */
  readonly label: string;
  readonly attributes: Attributes;
  /** undefined where an optional input is left out. */
  readonly inputs: readonly (Value | undefined)[];
  /** Input number `index`; refuses where it is left out. */
  input(index: number): Value;
  /** The elements of an input where they are known, undefined where it is left out or computed at run time. */
  constantInput(index: number): Constant | undefined;
  /** Says that input `index` is a statistic of the data, and what it is after this step. */
  updateStatistic(index: number, next: Value): void;
  /** Throws `graphMalformed` with the node's name in front of the reason. */
  fail(reason: string): never;
  /** Throws `operatorUnsupported`: there is such an operator, but not of this. */
  unsupported(what: string): never;
}

/** The outputs of the node; those behind the last entry are not computed, and a model that reads one is refused. */
export type LoweringRule = (query: LoweringQuery) => Value | readonly Value[];
