/**
 * The model of a job, as a person writes it on a command line: a built-in one (`built-in-models.ts`), or an ONNX file.
 *
 *   cnn                  a built-in model
 *   mlp:784,200,200,10   one with numbers
 *   model.onnx           a forward graph exported by any framework
 */
import { primitives } from '#primitives';
import { utf8 } from '../../protocol/bytes.ts';
import { HanseError } from '../../protocol/problem.ts';
import { RandomNumbers, seededRandom } from '../../protocol/random.ts';
import type { CommandOption } from '../../schemas/command.ts';
import type { GraphChoices } from '../../schemas/job.ts';
import { importModelFile } from '../data/model-file.ts';
import type { ForwardGraph } from '../graph/forward-graph.ts';
import { importModel } from '../graph/import-model.ts';
import { BUILT_IN_MODELS } from './built-in-models.ts';

/** The built-in models as they may be written, for help and for refusals. */
export const MODEL_USAGES = Object.values(BUILT_IN_MODELS)
  .map(({ usage }) => usage)
  .join(', ');

export const MODEL_OPTION: CommandOption = {
  flags: '--model <model>',
  description: `an ONNX file or a built-in model: ${MODEL_USAGES}`,
  default: 'mlp:784,200,200,10',
};

/** A name, then possibly numbers. What is no name of a model is the path of a file. */
const BUILT_IN = /^([a-z0-9]+)(?::(.*))?$/;
const NUMBERS = /^[0-9]{1,7}(?:,[0-9]{1,7})*$/;

/**
 * @param seed    decides the initial weights of a built-in model
 * @param choices what is trained, and lengths that the model leaves open
 * @throws `usage`, `dataFileMissing`, and what `importModel` throws
 */
export async function loadModel(
  source: string,
  seed: string,
  choices: GraphChoices = {},
): Promise<ForwardGraph> {
  const [, name = '', list] = BUILT_IN.exec(source) ?? [];
  const model = Object.hasOwn(BUILT_IN_MODELS, name) ? BUILT_IN_MODELS[name] : undefined;
  if (!model) {
    if (source.includes(':') && !source.includes('.')) throw unknown(source);
    return importModelFile(source, choices);
  }
  if (list !== undefined && !NUMBERS.test(list)) throw unknown(source);
  const numbers = list === undefined ? [] : list.split(',').map(Number);
  const random = seededRandom(await primitives.sha256(utf8(`HANSE model\0${seed}`)));
  const isPositive = numbers.every((number) => number >= 1);
  const bytes = isPositive ? model.build(numbers, new RandomNumbers(random)) : undefined;
  if (!bytes) throw unknown(source);
  return importModel(bytes, choices);
}

function unknown(source: string): HanseError<'usage'> {
  return new HanseError('usage', {
    reason: `model ${source}: write ${MODEL_USAGES}, or the path of an ONNX file`,
  });
}
