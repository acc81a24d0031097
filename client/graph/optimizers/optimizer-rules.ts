/**
 * The optimisers a job can name.
 */
import type { Optimizer } from '../../../schemas/training.ts';
import { adam } from './adam.ts';
import { momentum } from './momentum.ts';
import type { OptimizerRule } from './optimizer-rule.ts';
import { sgd } from './sgd.ts';

export function optimizerRule(optimizer: Optimizer): OptimizerRule {
  switch (optimizer.type) {
    case 'sgd':
      return sgd();
    case 'momentum':
      return momentum(optimizer.momentum);
    case 'adam':
      return adam(optimizer.beta1, optimizer.beta2, optimizer.epsilon);
    default:
      optimizer satisfies never;
      throw new Error('unreachable');
  }
}
