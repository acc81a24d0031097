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
import { readDataFile } from '../data/data-file.ts';
import type { ForwardGraph } from '../graph/forward-graph.ts';
import { importModel } from '../graph/import-model.ts';
import { linear } from '../graph/models/linear.ts';
import { mlp } from '../graph/models/mlp.ts';

export const MODEL_OPTION: CommandOption = {
  flags: '--model <model>',
  description: 'mlp:<widths>, linear:<inputs>,<outputs>, or an ONNX file',
  default: 'mlp:784,200,200,10',
};

/**
 * @param seed decides the initial weights of a built-in model
 * @throws `usage`, `dataFileMissing`, `graphMalformed`, `operatorUnsupported`
 */
export async function loadModel(source: string, seed: string): Promise<ForwardGraph> {
  const built = /^(mlp|linear):([0-9]+(?:,[0-9]+)+)$/.exec(source);
  if (!built) {
    if (source.includes(':') && !source.includes('.')) throw unknown(source);
    return importModel(await readDataFile(source));
  }
  const widths = (built[2] ?? '').split(',').map(Number);
  if (widths.some((width) => width < 1 || width > 1_000_000)) throw unknown(source);
  const [inputs = 0, outputs = 0, ...more] = widths;
  if (built[1] === 'linear') {
    if (more.length > 0) throw unknown(source);
    return linear(inputs, outputs);
  }
  return mlp(widths, new RandomNumbers(seededRandom(await primitives.sha256(utf8(`HANSE model\0${seed}`)))));
}

function unknown(source: string): HanseError<'usage'> {
  return new HanseError('usage', {
    reason: `model ${source}: write mlp:<widths>, linear:<inputs>,<outputs>, or the path of an ONNX file`,
  });
}
