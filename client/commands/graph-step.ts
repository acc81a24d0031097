/**
 * `hanse graph step`: some steps on one batch, and the parameters after them. For a look at what a train step does, and
 * for comparison with other frameworks.
 */
import { primitives } from '#primitives';
import { toHex, utf8 } from '../../protocol/bytes.ts';
import { HanseError } from '../../protocol/problem.ts';
import { RandomNumbers, seededRandom } from '../../protocol/random.ts';
import { defineCommand } from '../../schemas/command.ts';
import type { ProviderName } from '../../schemas/provider.ts';
import type { Loss } from '../../schemas/training.ts';
import { chooseProvider } from '../engine/choose-provider.ts';
import { MaskBuffer } from '../engine/mask-buffer.ts';
import { NODE_PROVIDERS } from '../engine/node-providers.ts';
import { flattenParameters, floatsOf, parameterTensors } from '../engine/parameters.ts';
import { type Session, type Tensor, type Tensors, tensorOf } from '../engine/provider.ts';
import { compilePrediction } from '../graph/compile-prediction.ts';
import { compileTrainStep } from '../graph/compile-train-step.ts';
import type { CompiledStep } from '../graph/compiled.ts';
import type { ForwardGraph } from '../graph/forward-graph.ts';
import { floatTensors, initialParameters } from '../graph/parameters.ts';
import { encodeSafetensors } from '../graph/safetensors.ts';
import { elementCount } from '../graph/tensor-type.ts';
import { type FileBatch, readBatchFile, requireLabels, tensorFor } from './batch-file.ts';
import { choicesOf, PATTERN_OPTIONS } from './choice-option.ts';
import {
  GRAPH_MODEL_ARGUMENT,
  GRAPH_SEED_OPTION,
  type GraphModelOptions,
  trainingOf,
} from './graph-model.ts';
import { LOSS_OPTIONS } from './loss-option.ts';
import { loadModel } from './model-source.ts';
import {
  GRADIENT_CLIP_OPTION,
  type GradientClipOptions,
  OPTIMIZER_OPTIONS,
  type OptimizerOptions,
} from './optimizer-option.ts';
import { writeOutput } from './output-file.ts';

export interface StepOptions extends GraphModelOptions, OptimizerOptions, GradientClipOptions {
  readonly lr: number;
  readonly steps: number;
  readonly batch: string;
  readonly provider: 'auto' | ProviderName;
  readonly output?: string;
  readonly clipPerExample?: number;
}

export const stepCommand = defineCommand<StepOptions>({
  summary: 'train a model on one batch and write its parameters',
  arguments: [GRAPH_MODEL_ARGUMENT],
  options: [
    ...LOSS_OPTIONS,
    ...OPTIMIZER_OPTIONS,
    GRADIENT_CLIP_OPTION,
    ...PATTERN_OPTIONS,
    { flags: '--lr <rate>', description: 'learning rate', kind: 'number', default: 0.1 },
    { flags: '--steps <n>', description: 'steps, all on the same batch', kind: 'integer', default: 1 },
    {
      flags: '--batch <file>',
      description: 'JSON with "x" and "target", each {"shape", "dtype", "base64"}',
      required: true,
    },
    {
      flags: '--provider <name>',
      description: 'where to run',
      choices: ['auto', 'cpu', 'wasm'],
      default: 'auto',
    },
    { flags: '--clip-per-example <norm>', description: 'longest gradient of one example', kind: 'number' },
    { flags: '-o, --output <file>', description: 'safetensors file for the parameters after the last step' },
    GRAPH_SEED_OPTION,
  ],
  examples: [
    [
      'hanse graph step model.onnx --lr 0.05 --steps 5 --batch batch.json -o params.safetensors',
      'five steps of SGD under softmax cross-entropy',
    ],
  ],
  async run({ args, options }, io) {
    if (options.steps < 1) throw new HanseError('usage', { reason: '--steps takes at least 1' });
    const batch = await readBatchFile(options.batch);
    const choices = { ...choicesOf(options), inputShape: batch.x.shape.slice(1) };
    const forward = await loadModel(args[0] ?? '', options.seed, choices);
    const { clipPerExample } = options;
    if (!Number.isFinite(Math.fround(options.lr)))
      throw new HanseError('usage', { reason: `--lr ${options.lr} is beyond float32` });
    if (clipPerExample !== undefined && !(Math.fround(clipPerExample) > 0))
      throw new HanseError('usage', { reason: '--clip-per-example takes a positive norm' });
    const training = trainingOf(options);
    const clipsExamples = clipPerExample !== undefined;
    const step = compileTrainStep(forward, { ...training, batchSize: batch.size, clipsExamples });
    const { provider } = await chooseProvider(options.provider, { candidates: NODE_PROVIDERS });
    io.note(`${provider.name}: ${provider.reason}`);
    const feeds = {
      ...batchTensors(forward, step, batch, { file: options.batch, ...training }),
      lr: tensorOf([], Float32Array.of(options.lr)),
      ...(clipsExamples && { clipNorm: tensorOf([], Float32Array.of(clipPerExample)) }),
    };
    const key = await primitives.sha256(utf8(`HANSE graph step\0${options.seed}`));
    const session = await provider.createSession(step.bytes);
    const { losses, parameters } = await runSteps({
      session,
      step,
      start: initialParameters(forward),
      feeds,
      random: new RandomNumbers(seededRandom(key)),
      steps: options.steps,
      signal: io.signal,
    }).finally(() => session.release());
    if (!parameters.every(Number.isFinite))
      throw new HanseError('trainingDiverged', { what: 'a parameter after the last step' });
    losses.forEach((loss, index) => {
      io.print(`step ${index + 1}  loss ${loss}`);
    });
    const file = encodeSafetensors(floatTensors(forward, parameters));
    if (options.output !== undefined) await writeOutput(options.output, file);
    const sha256 = toHex(await primitives.sha256(file));
    return { provider: provider.name, losses, output: options.output ?? null, sha256 };
  },
});

interface Run {
  readonly session: Session;
  readonly step: CompiledStep;
  /** The parameters before the first step, flat. */
  readonly start: Float32Array;
  /** Of every step. */
  readonly feeds: Tensors;
  /** Draws the masks of dropout. */
  readonly random: RandomNumbers;
  readonly steps: number;
  readonly signal: AbortSignal;
}

/** The losses before each step, and the flat parameters after the last. */
async function runSteps({ session, step, start, feeds, random, steps, signal }: Run) {
  const carried = [...step.parameters, ...step.state];
  const masks = new MaskBuffer(step.masks, 1);
  let tensors = parameterTensors(start, step.parameters);
  for (const { name, shape } of step.state)
    tensors[name] = tensorOf(shape, new Float32Array(elementCount(shape)));
  const losses: number[] = [];
  for (let done = 0; done < steps; done += 1) {
    signal.throwIfAborted();
    masks.draw(0, random);
    const outputs = await session.run({ ...tensors, ...feeds, ...masks.single() });
    const [loss = Number.NaN] = floatsOf(outputs, 'loss');
    if (!Number.isFinite(loss))
      throw new HanseError('trainingDiverged', { what: `the loss of step ${done + 1}` });
    losses.push(loss);
    tensors = Object.fromEntries(
      carried.map(({ name, shape }) => [name, tensorOf(shape, floatsOf(outputs, `${name}_next`))]),
    );
  }
  return { losses, parameters: flattenParameters(tensors, step.parameters) };
}

function batchTensors(
  forward: ForwardGraph,
  step: CompiledStep,
  batch: FileBatch,
  { file, loss }: { readonly file: string; readonly loss: Loss },
): Record<string, Tensor> {
  const x = tensorFor(step.input, batch.x, `x of ${file}`);
  const y = tensorFor(step.target, batch.target, `target of ${file}`);
  if (loss.type === 'softmax_ce' || loss.type === 'sequence_ce') {
    const [output] = compilePrediction(forward, { batchSize: batch.size }).outputs;
    requireLabels(y, { classes: output?.shape.at(-1) ?? 0, ignored: loss.ignoreIndex }, `target of ${file}`);
  }
  return { x, y, weight: tensorOf([batch.size], new Float32Array(batch.size).fill(1)) };
}
