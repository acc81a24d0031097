/**
 * One small graph per way of using an operator: what gradients, kernels and shapes are tested on.
 */
import { ACTIVATION_CASES } from './cases/activation.ts';
import { CONVOLUTION_CASES } from './cases/convolution.ts';
import { ELEMENTWISE_CASES, WHOLE_ELEMENTWISE_CASES } from './cases/elementwise.ts';
import { GATHER_CASES } from './cases/gather.ts';
import { JOIN_CASES } from './cases/join.ts';
import { LINEAR_CASES } from './cases/linear.ts';
import { NORMALIZATION_CASES } from './cases/normalization.ts';
import type { OperatorCase } from './cases/operator-case.ts';
import { POOLING_CASES } from './cases/pooling.ts';
import { REDUCE_CASES, WHOLE_REDUCE_CASES } from './cases/reduce.ts';
import { SELECTION_CASES } from './cases/selection.ts';
import { SLICE_CASES } from './cases/slice.ts';
import { VIEW_CASES } from './cases/view.ts';

export const DIFFERENTIABLE_CASES: readonly OperatorCase[] = [
  ...ELEMENTWISE_CASES,
  ...ACTIVATION_CASES,
  ...SELECTION_CASES,
  ...LINEAR_CASES,
  ...NORMALIZATION_CASES,
  ...REDUCE_CASES,
  ...VIEW_CASES,
  ...JOIN_CASES,
  ...SLICE_CASES,
  ...GATHER_CASES,
  ...CONVOLUTION_CASES,
  ...POOLING_CASES,
];

/** No gradient flows here. */
export const OTHER_CASES: readonly OperatorCase[] = [...WHOLE_ELEMENTWISE_CASES, ...WHOLE_REDUCE_CASES];
