/**
 * The model of a job, as a person writes it on a command line: a built-in one, or an ONNX file.
 *
 *   mlp:784,200,200,10   multi-layer perceptron with these widths
 *   linear:4,1           4 inputs, 1 output
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
import { linearBytes } from '../graph/models/linear.ts';
import { mlpBytes } from '../graph/models/mlp.ts';

export const MODEL_OPTION: CommandOption = {
  flags: '--model <model>',
  description: 'mlp:<widths>, linear:<inputs>,<outputs>, or an ONNX file',
  default: 'mlp:784,200,200,10',
};

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
  const built = /^(mlp|linear):([0-9]+(?:,[0-9]+)+)$/.exec(source);
  if (!built) {
    if (source.includes(':') && !source.includes('.')) throw unknown(source);
    return importModelFile(source, choices);
  }
  const widths = (built[2] ?? '').split(',').map(Number);
  if (widths.some((width) => width < 1 || width > 1_000_000)) throw unknown(source);
  const [inputs = 0, outputs = 0, ...more] = widths;
  if (built[1] === 'linear') {
    if (more.length > 0) throw unknown(source);
    return importModel(linearBytes(inputs, outputs), choices);
  }
  const random = new RandomNumbers(seededRandom(await primitives.sha256(utf8(`HANSE model\0${seed}`))));
  return importModel(mlpBytes(widths, random), choices);
}

function unknown(source: string): HanseError<'usage'> {
  return new HanseError('usage', {
    reason: `model ${source}: write mlp:<widths>, linear:<inputs>,<outputs>, or the path of an ONNX file`,
  });
}
