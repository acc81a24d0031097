/**
 * Loss and optimiser, as a person names them on a command line.
 */
import type { CommandOption } from '../../schemas/command.ts';
import type { Optimizer } from '../../schemas/training.ts';

export const LOSS_OPTION: CommandOption = {
  flags: '--loss <loss>',
  description: 'what is minimised',
  choices: ['softmax_ce', 'mse', 'bce_logits'],
  default: 'softmax_ce',
};

export const OPTIMIZER_OPTION: CommandOption = {
  flags: '--optimizer <name>',
  description: 'local optimiser',
  choices: ['sgd', 'momentum', 'adam'],
  default: 'sgd',
};

/** The optimiser of this name with the settings that its literature proposes. */
export function optimizerOf(name: Optimizer['type']): Optimizer {
  switch (name) {
    case 'sgd':
      return { type: name };
    case 'momentum':
      return { type: name, momentum: 0.9 };
    case 'adam':
      return { type: name, beta1: 0.9, beta2: 0.999, epsilon: 1e-8 };
    default:
      name satisfies never;
      throw new Error('unreachable');
  }
}
