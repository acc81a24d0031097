/**
 * How a model is to be read, as a person says it on a command line: what is trained, and lengths that it leaves open.
 */
import { asUsage, parse } from '../../protocol/parse.ts';
import { HanseError } from '../../protocol/problem.ts';
import type { CommandOption } from '../../schemas/command.ts';
import { GraphChoices } from '../../schemas/job.ts';

export interface PatternOptions {
  readonly freeze?: readonly string[];
  readonly train?: readonly string[];
}

export interface ChoiceOptions extends PatternOptions {
  readonly inputShape?: string;
}

export const PATTERN_OPTIONS: readonly CommandOption[] = [
  {
    flags: '--freeze <patterns>',
    description: 'initialisers that are not trained; comma-separated, * any characters, ? one',
    kind: 'strings',
  },
  {
    flags: '--train <patterns>',
    description: 'initialisers and Constant nodes that are, even if frozen',
    kind: 'strings',
  },
];

export const INPUT_SHAPE_OPTION: CommandOption = {
  flags: '--input-shape <lengths>',
  description: 'shape of one example, where the model leaves it open: 128 or 3,32,32',
};

export const CHOICE_OPTIONS: readonly CommandOption[] = [...PATTERN_OPTIONS, INPUT_SHAPE_OPTION];

/** @throws `usage` */
export function choicesOf({ freeze, train, inputShape }: ChoiceOptions): GraphChoices {
  const choices = {
    ...(freeze && { freeze: patterns('--freeze', freeze) }),
    ...(train && { train: patterns('--train', train) }),
    ...(inputShape !== undefined && { inputShape: lengths(inputShape) }),
  };
  return asUsage(() => parse(GraphChoices, choices, 'choices'));
}

function patterns(flag: string, texts: readonly string[]): string[] {
  const all = texts.flatMap((text) => text.split(',')).map((text) => text.trim());
  if (all.some((text) => text === ''))
    throw new HanseError('usage', { reason: `${flag} takes patterns, comma-separated` });
  return all;
}

function lengths(text: string): number[] {
  const all = text.split(',').map((length) => (/^\s*[0-9]+\s*$/.test(length) ? Number(length) : 0));
  if (all.some((length) => length < 1))
    throw new HanseError('usage', { reason: '--input-shape takes positive integers, comma-separated' });
  return all;
}
