/**
 * The optimisers a job can name.
 */
import type { Optimizer } from '../../../schemas/training.ts';
import { adam } from './adam.ts';
import { momentum } from './momentum.ts';
import type { OptimizerRule } from './optimizer-rule.ts';
import { sgd } from './sgd.ts';

export function optimizerRule(optimizer: Optimizer): OptimizerRule {
  const { weightDecay = 0 } = optimizer;
  switch (optimizer.type) {
    case 'sgd':
      return sgd(weightDecay);
    case 'momentum':
    case 'nesterov':
      return momentum(optimizer.momentum, weightDecay, optimizer.type === 'nesterov');
    case 'adam':
    case 'adamw':
      return adam({ ...optimizer, weightDecay, isDecoupled: optimizer.type === 'adamw' });
    default:
      optimizer satisfies never;
      throw new Error('unreachable');
  }
}
