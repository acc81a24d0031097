/**
 * The losses a job can name, one table.
 */
import type { Loss } from '../../../schemas/training.ts';
import { BINARY_CROSS_ENTROPY } from './binary-cross-entropy.ts';
import type { LossRule } from './loss-rule.ts';
import { MEAN_SQUARED_ERROR } from './mean-squared-error.ts';
import { SOFTMAX_CROSS_ENTROPY } from './softmax-cross-entropy.ts';

export const LOSS_RULES: Readonly<Record<Loss, LossRule>> = {
  softmax_ce: SOFTMAX_CROSS_ENTROPY,
  mse: MEAN_SQUARED_ERROR,
  bce_logits: BINARY_CROSS_ENTROPY,
};
