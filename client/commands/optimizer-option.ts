/**
 * The optimiser, as a person names it on a command line.
 */
import { asUsage, parse } from '../../protocol/parse.ts';
import { HanseError } from '../../protocol/problem.ts';
import type { CommandOption } from '../../schemas/command.ts';
import { LocalTraining, Optimizer } from '../../schemas/training.ts';

export interface OptimizerOptions {
  readonly optimizer: Optimizer['type'];
  readonly momentum?: number;
  readonly weightDecay?: number;
}

export const OPTIMIZER_OPTIONS: readonly CommandOption[] = [
  {
    flags: '--optimizer <name>',
    description: 'local optimiser',
    choices: ['sgd', 'momentum', 'nesterov', 'adam', 'adamw'],
    default: 'sgd',
  },
  { flags: '--momentum <m>', description: 'momentum and nesterov: 0.9 unless said', kind: 'number' },
  {
    flags: '--weight-decay <l>',
    description: 'adds l times the parameter to its gradient; adamw shrinks the parameter itself',
    kind: 'number',
  },
];

export interface GradientClipOptions {
  readonly gradientClip?: number;
}

export const GRADIENT_CLIP_OPTION: CommandOption = {
  flags: '--gradient-clip <norm>',
  description: 'longest gradient of a batch; a longer one is scaled down',
  kind: 'number',
  schema: LocalTraining.properties.gradientClip,
};

/** @throws `usage` for a norm out of its range */
export function gradientClipOf({ gradientClip }: GradientClipOptions): GradientClipOptions {
  if (gradientClip === undefined) return {};
  const schema = LocalTraining.properties.gradientClip;
  return { gradientClip: asUsage(() => parse(schema, gradientClip, '--gradient-clip')) };
}

/**
 * The optimiser of this name with the settings that its literature proposes.
 * @throws `usage` for an option that it does not have, or a value out of its range
 */
export function optimizerOf({ optimizer: type, momentum, weightDecay }: OptimizerOptions): Optimizer {
  if (momentum !== undefined && type !== 'momentum' && type !== 'nesterov')
    throw new HanseError('usage', { reason: `--momentum belongs to momentum and nesterov, not to ${type}` });
  const decay = weightDecay === undefined ? {} : { weightDecay };
  const optimizer = { type, ...settingsOf(type, momentum ?? 0.9), ...decay };
  return asUsage(() => parse(Optimizer, optimizer, 'optimizer'));
}

function settingsOf(name: Optimizer['type'], momentum: number) {
  switch (name) {
    case 'sgd':
      return {};
    case 'momentum':
    case 'nesterov':
      return { momentum };
    case 'adam':
    case 'adamw':
      return { beta1: 0.9, beta2: 0.999, epsilon: 1e-8 };
    default:
      name satisfies never;
      throw new Error('unreachable');
  }
}
