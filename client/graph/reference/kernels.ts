/**
 * Every operator in float64, one table: what the shape rules, the gradient rules and ONNX Runtime itself are compared
 * with.
 */
import type { Operator } from '../shapes/shape-rules.ts';
import { ACTIVATION_KERNELS } from './activation-kernels.ts';
import { ELEMENTWISE_KERNELS } from './elementwise-kernels.ts';
import { GATHER_KERNELS } from './gather-kernels.ts';
import { JOIN_KERNELS } from './join-kernels.ts';
import type { Kernel } from './kernel.ts';
import { LINEAR_KERNELS } from './linear-kernels.ts';
import { NORMALIZATION_KERNELS } from './normalization-kernels.ts';
import { REDUCE_KERNELS } from './reduce-kernels.ts';
import { SLICE_KERNELS } from './slice-kernels.ts';
import { VIEW_KERNELS } from './view-kernels.ts';
import { WINDOW_KERNELS } from './window-kernels.ts';

export const KERNELS: Readonly<Record<Operator, Kernel>> = {
  ...ACTIVATION_KERNELS,
  ...ELEMENTWISE_KERNELS,
  ...GATHER_KERNELS,
  ...JOIN_KERNELS,
  ...LINEAR_KERNELS,
  ...NORMALIZATION_KERNELS,
  ...REDUCE_KERNELS,
  ...SLICE_KERNELS,
  ...VIEW_KERNELS,
  ...WINDOW_KERNELS,
};
