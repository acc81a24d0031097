/**
 * What `hanse graph step|compile|check` have in common: a model and a loss.
 */
import type { CommandArgument, CommandOption } from '../../schemas/command.ts';
import type { PatternOptions } from './choice-option.ts';
import type { LossOptions } from './loss-option.ts';

export interface GraphModelOptions extends LossOptions, PatternOptions {
  readonly seed: string;
}

export const GRAPH_MODEL_ARGUMENT: CommandArgument = {
  name: '<model>',
  description: 'an ONNX file, mlp:<widths>, or linear:<inputs>,<outputs>',
};

export const GRAPH_SEED_OPTION: CommandOption = {
  flags: '--seed <text>',
  description:
    'decides what is drawn: initial weights of a built-in model, masks, coordinates, data of a check',
  default: 'hanse',
};
