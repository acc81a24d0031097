/**
 * The gradient rules, one table. An operator that is missing here can still be used where no gradient flows.
 */
import type { Operator } from '../shapes/shape-rules.ts';
import { ACTIVATION_GRADIENTS } from './activation.ts';
import { CONVOLUTION_GRADIENTS } from './convolution.ts';
import { ELEMENTWISE_GRADIENTS } from './elementwise.ts';
import { GATHER_GRADIENTS } from './gather.ts';
import type { GradientRule } from './gradient-rule.ts';
import { JOIN_GRADIENTS } from './join.ts';
import { LINEAR_GRADIENTS } from './linear.ts';
import { NORMALIZATION_GRADIENTS } from './normalization.ts';
import { POOLING_GRADIENTS } from './pooling.ts';
import { REDUCE_GRADIENTS } from './reduce.ts';
import { SELECTION_GRADIENTS } from './selection.ts';
import { SLICE_GRADIENTS } from './slice.ts';
import { TRIGONOMETRIC_GRADIENTS } from './trigonometric.ts';
import { VIEW_GRADIENTS } from './view.ts';

export const GRADIENT_RULES: Readonly<Partial<Record<Operator, GradientRule>>> = {
  ...ACTIVATION_GRADIENTS,
  ...CONVOLUTION_GRADIENTS,
  ...ELEMENTWISE_GRADIENTS,
  ...GATHER_GRADIENTS,
  ...JOIN_GRADIENTS,
  ...LINEAR_GRADIENTS,
  ...NORMALIZATION_GRADIENTS,
  ...POOLING_GRADIENTS,
  ...REDUCE_GRADIENTS,
  ...SELECTION_GRADIENTS,
  ...SLICE_GRADIENTS,
  ...TRIGONOMETRIC_GRADIENTS,
  ...VIEW_GRADIENTS,
};

/** The operators that have a gradient, in alphabetical order. */
export function differentiableOperators(): string[] {
  return Object.keys(GRADIENT_RULES).sort();
}
