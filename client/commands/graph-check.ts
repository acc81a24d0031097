/**
 * `hanse graph check`: are the gradients of a model right, by our rules and on an execution provider?
 */
import { Type } from 'typebox';
import { primitives } from '#primitives';
import { utf8 } from '../../protocol/bytes.ts';
import { HanseError } from '../../protocol/problem.ts';
import { RandomNumbers, seededRandom } from '../../protocol/random.ts';
import { defineCommand } from '../../schemas/command.ts';
import type { ProviderName } from '../../schemas/provider.ts';
import { LocalTraining } from '../../schemas/training.ts';
import { chooseProvider } from '../engine/choose-provider.ts';
import { NODE_PROVIDERS } from '../engine/node-providers.ts';
import { floatsOf } from '../engine/parameters.ts';
import type { ExecutionProvider, Tensor } from '../engine/provider.ts';
import type { CompiledStep } from '../graph/compiled.ts';
import { type CheckedParameter, checkGradients, type StepRunner } from '../graph/gradient-check.ts';
import type { NdArray } from '../graph/reference/nd-array.ts';
import { CHOICE_OPTIONS, type ChoiceOptions, choicesOf } from './choice-option.ts';
import { GRAPH_MODEL_ARGUMENT, GRAPH_SEED_OPTION, type GraphModelOptions } from './graph-model.ts';
import { LOSS_OPTIONS, lossOf } from './loss-option.ts';
import { loadModel } from './model-source.ts';

const AT_LEAST_ONE = Type.Integer({ minimum: 1, maximum: 65_536 });

export interface CheckOptions extends GraphModelOptions, ChoiceOptions {
  readonly batch: number;
  readonly coordinates: number;
  readonly tolerance: number;
  readonly provider: 'auto' | ProviderName;
}

export const checkCommand = defineCommand<CheckOptions>({
  summary: 'compare the gradients of a model with finite differences',
  arguments: [GRAPH_MODEL_ARGUMENT],
  options: [
    ...LOSS_OPTIONS,
    ...CHOICE_OPTIONS,
    {
      flags: '--batch <n>',
      description: 'examples in the batch',
      kind: 'integer',
      default: 2,
      schema: LocalTraining.properties.batchSize,
    },
    {
      flags: '--coordinates <n>',
      description: 'coordinates of each parameter tensor',
      kind: 'integer',
      schema: AT_LEAST_ONE,
      default: 16,
    },
    {
      flags: '--tolerance <error>',
      description: 'largest relative error that passes',
      kind: 'number',
      default: 1e-4,
    },
    {
      flags: '--provider <name>',
      description: 'where to run the step beside the reference',
      choices: ['auto', 'cpu', 'wasm'],
      default: 'auto',
    },
    GRAPH_SEED_OPTION,
  ],
  examples: [
    ['hanse graph check model.onnx --loss bce_logits', 'each parameter tensor at 16 coordinates'],
    ['hanse graph check cnn --provider wasm', 'a built-in model, on WebAssembly'],
    ['hanse graph check transformer:100,8,16,2,1', 'words, positions, width, heads, blocks'],
  ],
  async run({ args, options }, io) {
    const forward = await loadModel(args[0] ?? '', options.seed, choicesOf(options));
    const { coordinates, tolerance } = options;
    const key = await primitives.sha256(utf8(`HANSE graph check\0${options.seed}`));
    const { provider } = await chooseProvider(options.provider, { candidates: NODE_PROVIDERS });
    io.note(`${provider.name}: ${provider.reason}`);
    const checked = await checkGradients(forward, {
      loss: lossOf(options),
      coordinates,
      batchSize: forward.input.batch ?? options.batch,
      random: new RandomNumbers(seededRandom(key)),
      run: runnerOn(provider),
      onProgress: (done, of) => io.note(`${done} of ${of} parameter tensors`),
    });
    for (const parameter of checked) io.print(inWords(parameter, provider.name));
    requireTolerance(checked, tolerance, provider.name);
    return { tolerance, provider: provider.name, parameters: checked };
  },
});

function inWords(
  { name, shape, coordinates, slopes, worstError, providerError }: CheckedParameter,
  on: string,
): string {
  const errors = `${worstError.toExponential(2)}, on ${on} ${(providerError ?? Number.NaN).toExponential(2)}`;
  const flat = slopes === 0 ? ', where the gradient is 0' : '';
  return `${name} [${shape}]: worst relative error ${errors}, at ${coordinates} coordinates${flat}`;
}

/** @throws checkFailed */
function requireTolerance(checked: readonly CheckedParameter[], tolerance: number, provider: string): void {
  for (const { name, worstError, providerError } of checked) {
    const refuse = (error: number, where: string) => {
      const reason = `gradient of ${name}${where}: relative error ${error} over ${tolerance}`;
      return new HanseError('checkFailed', { check: 'gradients', reason });
    };
    // Negated, so that NaN fails.
    if (!(worstError <= tolerance)) throw refuse(worstError, '');
    if (providerError !== null && !(providerError <= tolerance))
      throw refuse(providerError, ` on ${provider}`);
  }
}

/** Runs steps there, for `checkGradients`. */
export function runnerOn(provider: ExecutionProvider): StepRunner {
  return async (step, feeds) => {
    const session = await provider.createSession(step.bytes);
    try {
      const outputs = await session.run(
        Object.fromEntries([...feeds].map(([name, array]) => [name, tensorOf(name, array, step)])),
      );
      return new Map(
        step.parameters.map(({ name }) => [`${name}_next`, floatsOf(outputs, `${name}_next`)] as const),
      );
    } finally {
      await session.release();
    }
  };
}

function tensorOf(name: string, { shape, data }: NdArray, { input, target }: CompiledStep): Tensor {
  const isInteger = [input, target].some((spec) => spec.name === name && spec.type === 'int32');
  return isInteger
    ? { type: 'int32', shape, data: Int32Array.from(data) }
    : { type: 'float32', shape, data: Float32Array.from(data) };
}
