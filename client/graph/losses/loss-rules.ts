/**
 * The losses a job can name.
 */
import type { Loss } from '../../../schemas/training.ts';
import { BINARY_CROSS_ENTROPY } from './binary-cross-entropy.ts';
import { crossEntropy } from './cross-entropy.ts';
import { huber } from './huber.ts';
import type { LossRule } from './loss-rule.ts';
import { MEAN_ABSOLUTE_ERROR } from './mean-absolute-error.ts';
import { MEAN_SQUARED_ERROR } from './mean-squared-error.ts';

export function lossRule(loss: Loss): LossRule {
  switch (loss.type) {
    case 'softmax_ce':
      return crossEntropy({ outputs: 'logits [B, C]', rank: 2 }, loss);
    case 'sequence_ce':
      return crossEntropy({ outputs: 'logits [B, T, C]', rank: 3 }, loss);
    case 'mse':
      return MEAN_SQUARED_ERROR;
    case 'mae':
      return MEAN_ABSOLUTE_ERROR;
    case 'huber':
      return huber(loss.delta);
    case 'bce_logits':
      return BINARY_CROSS_ENTROPY;
    default:
      loss satisfies never;
      throw new Error('unreachable');
  }
}
