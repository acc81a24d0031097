/**
 * What `hanse graph step|compile|check` have in common: a model and a loss.
 */
import type { CommandArgument, CommandOption } from '../../schemas/command.ts';
import type { PatternOptions } from './choice-option.ts';
import { type LossOptions, lossOf } from './loss-option.ts';
import { MODEL_USAGES } from './model-source.ts';
import {
  type GradientClipOptions,
  gradientClipOf,
  type OptimizerOptions,
  optimizerOf,
} from './optimizer-option.ts';

export interface GraphModelOptions extends LossOptions, PatternOptions {
  readonly seed: string;
}

export const GRAPH_MODEL_ARGUMENT: CommandArgument = {
  name: '<model>',
  description: `an ONNX file or a built-in model: ${MODEL_USAGES}`,
};

export const GRAPH_SEED_OPTION: CommandOption = {
  flags: '--seed <text>',
  description:
    'decides what is drawn: initial weights of a built-in model, masks, coordinates, data of a check',
  default: 'hanse',
};

/** What a step is compiled for, but for the size of the batch. */
export function trainingOf(options: LossOptions & OptimizerOptions & GradientClipOptions) {
  return { loss: lossOf(options), optimizer: optimizerOf(options), ...gradientClipOf(options) };
}
