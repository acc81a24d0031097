/**
 * `hanse graph step|compile|check`: what a model becomes when it is trained, and whether its gradients are right.
 */
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { primitives } from '#primitives';
import { toHex } from '../../protocol/bytes.ts';
import { HanseError } from '../../protocol/problem.ts';
import { defineCommand } from '../../schemas/command.ts';
import type { ProviderName } from '../../schemas/provider.ts';
import type { Loss } from '../../schemas/training.ts';
import { chooseProvider } from '../engine/choose-provider.ts';
import { NODE_PROVIDERS } from '../engine/node-providers.ts';
import { flattenParameters, floatsOf, parameterTensors } from '../engine/parameters.ts';
import type { ExecutionProvider, Tensor, Tensors } from '../engine/provider.ts';
import { compileEvaluation } from '../graph/compile-evaluation.ts';
import { compilePrediction } from '../graph/compile-prediction.ts';
import { compileTrainEpoch } from '../graph/compile-train-epoch.ts';
import { compileTrainStep } from '../graph/compile-train-step.ts';
import type { CompiledStep } from '../graph/compiled.ts';
import { countNodes } from '../graph/count-nodes.ts';
import type { ForwardGraph } from '../graph/forward-graph.ts';
import { initialParameters, parameterCount, parameterSpecs } from '../graph/parameters.ts';
import { encodeSafetensors } from '../graph/safetensors.ts';
import { elementCount } from '../graph/tensor-type.ts';
import { type FileBatch, readBatchFile, requireLabels, tensorFor } from './batch-file.ts';
import { checkCommand } from './graph-check.ts';
import { GRAPH_MODEL_ARGUMENT, GRAPH_SEED_OPTION, type GraphModelOptions } from './graph-model.ts';
import { LOSS_OPTIONS, lossOf } from './loss-option.ts';
import { loadModel } from './model-source.ts';
import { OPTIMIZER_OPTIONS, type OptimizerOptions, optimizerOf } from './optimizer-option.ts';

interface StepOptions extends GraphModelOptions, OptimizerOptions {
  readonly lr: number;
  readonly steps: number;
  readonly batch: string;
  readonly provider: 'auto' | ProviderName;
  readonly output?: string;
}

interface CompileOptions extends GraphModelOptions, OptimizerOptions {
  readonly batch: number;
  readonly output: string;
}

const stepCommand = defineCommand<StepOptions>({
  summary: 'train a model on one batch and write its parameters',
  arguments: [GRAPH_MODEL_ARGUMENT],
  options: [
    ...LOSS_OPTIONS,
    ...OPTIMIZER_OPTIONS,
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
    const forward = await loadModel(args[0] ?? '', options.seed);
    const batch = await readBatchFile(options.batch);
    const [loss, optimizer] = [lossOf(options), optimizerOf(options)];
    const step = compileTrainStep(forward, { loss, optimizer, batchSize: batch.size });
    const { provider } = await chooseProvider(options.provider, { candidates: NODE_PROVIDERS });
    io.note(`${provider.name}: ${provider.reason}`);
    const feeds = {
      ...batchTensors(forward, step, batch, { file: options.batch, loss }),
      lr: scalar(options.lr),
    };
    const { losses, parameters } = await runSteps(provider, step, forward, feeds, options.steps, io.signal);
    losses.forEach((loss, index) => {
      io.print(`step ${index + 1}  loss ${loss}`);
    });
    const file = safetensorsOf(forward, parameters);
    if (options.output !== undefined) await writeFile(options.output, file);
    const sha256 = toHex(await primitives.sha256(file));
    return { provider: provider.name, losses, output: options.output ?? null, sha256 };
  },
});

/** The losses before each step, and the flat parameters after the last. */
async function runSteps(
  provider: ExecutionProvider,
  step: CompiledStep,
  forward: ForwardGraph,
  feeds: Tensors,
  steps: number,
  signal: AbortSignal,
): Promise<{ losses: number[]; parameters: Float32Array }> {
  const session = await provider.createSession(step.bytes);
  const carried = [...step.parameters, ...step.state];
  let tensors = parameterTensors(initialParameters(forward), step.parameters);
  for (const { name, shape } of step.state)
    tensors[name] = { type: 'float32', shape, data: new Float32Array(elementCount(shape)) };
  const losses: number[] = [];
  try {
    for (let done = 0; done < steps; done += 1) {
      signal.throwIfAborted();
      const outputs = await session.run({ ...tensors, ...feeds });
      const [loss = Number.NaN] = floatsOf(outputs, 'loss');
      if (!Number.isFinite(loss))
        throw new HanseError('trainingDiverged', { what: `the loss of step ${done + 1}` });
      losses.push(loss);
      tensors = Object.fromEntries(
        carried.map(({ name, shape }): [string, Tensor] => {
          const data = floatsOf(outputs, `${name}_next`);
          return [name, { type: 'float32', shape, data }];
        }),
      );
    }
  } finally {
    await session.release();
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
  const weight: Tensor = { type: 'float32', shape: [batch.size], data: new Float32Array(batch.size).fill(1) };
  return { x, y, weight };
}

function scalar(value: number): Tensor {
  return { type: 'float32', shape: [], data: Float32Array.of(value) };
}

/** Names and shapes as the model has them. */
function safetensorsOf(forward: ForwardGraph, flat: Float32Array): Uint8Array {
  return encodeSafetensors(
    parameterSpecs(forward).map(({ name, shape, offset, size }) => ({
      name,
      shape,
      data: flat.subarray(offset, offset + size),
    })),
  );
}

const compileCommand = defineCommand<CompileOptions>({
  summary: 'compile the train step of a model',
  arguments: [GRAPH_MODEL_ARGUMENT],
  options: [
    ...LOSS_OPTIONS,
    ...OPTIMIZER_OPTIONS,
    { flags: '--batch <n>', description: 'examples in a batch', kind: 'integer', default: 32 },
    { flags: '-o, --output <dir>', description: 'folder for the graphs', default: 'compiled' },
    GRAPH_SEED_OPTION,
  ],
  examples: [
    ['hanse graph compile model.onnx --batch 32 -o job/', 'train step, epoch and evaluation as ONNX files'],
  ],
  async run({ args, options }, io) {
    const forward = await loadModel(args[0] ?? '', options.seed);
    const { batch: batchSize } = options;
    const training = { loss: lossOf(options), optimizer: optimizerOf(options), batchSize };
    const compiled = [
      { file: 'train-step.onnx', ...compileTrainStep(forward, training) },
      { file: 'train-epoch.onnx', ...compileTrainEpoch(forward, training) },
      { file: 'evaluation.onnx', ...compileEvaluation(forward, training) },
    ];
    await mkdir(options.output, { recursive: true });
    const graphs = [];
    for (const { file, bytes } of compiled) {
      const path = join(options.output, file);
      await writeFile(path, bytes);
      const sha256 = toHex(await primitives.sha256(bytes));
      const nodes = countNodes(bytes);
      io.print(`${path}: ${nodes} nodes, ${bytes.length} bytes, SHA-256 ${sha256}`);
      graphs.push({ file: path, nodes, bytes: bytes.length, sha256 });
    }
    const parameters = parameterCount(forward);
    io.print(`${parameters} parameters in ${forward.parameters.length} tensors`);
    return { parameters, graphs };
  },
});

export const graphCommands = { step: stepCommand, compile: compileCommand, check: checkCommand };
