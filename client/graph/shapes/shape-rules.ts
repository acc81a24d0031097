/**
 * The operators of a graph: every one that can be imported or emitted has its shape rule in this table, and nothing
 * else is an operator. All of them exist on the CPU and WASM execution providers of ONNX Runtime; the few that WebGPU
 * lacks (Max, Min, Sign, Round, Mod, Softplus and those on truth values) fall back to the CPU there.
 */
import { ACTIVATION_SHAPES } from './activation.ts';
import { CONVOLUTION_SHAPES } from './convolution.ts';
import { ELEMENTWISE_SHAPES } from './elementwise.ts';
import { GATHER_SHAPES } from './gather.ts';
import { JOIN_SHAPES } from './join.ts';
import { LINEAR_SHAPES } from './linear.ts';
import { NORMALIZATION_SHAPES } from './normalization.ts';
import { POOLING_SHAPES } from './pooling.ts';
import { REDUCE_SHAPES } from './reduce.ts';
import type { ShapeRule } from './shape-rule.ts';
import { SLICE_SHAPES } from './slice.ts';
import { VIEW_SHAPES } from './view.ts';

export const SHAPE_RULES = {
  ...ACTIVATION_SHAPES,
  ...CONVOLUTION_SHAPES,
  ...ELEMENTWISE_SHAPES,
  ...GATHER_SHAPES,
  ...JOIN_SHAPES,
  ...LINEAR_SHAPES,
  ...NORMALIZATION_SHAPES,
  ...POOLING_SHAPES,
  ...REDUCE_SHAPES,
  ...SLICE_SHAPES,
  ...VIEW_SHAPES,
} as const satisfies Record<string, ShapeRule>;

export type Operator = keyof typeof SHAPE_RULES;

export function isOperator(name: string): name is Operator {
  return Object.hasOwn(SHAPE_RULES, name);
}

/** The names of all operators, in alphabetical order. */
export function operatorNames(): Operator[] {
  return Object.keys(SHAPE_RULES).filter(isOperator).sort();
}
