/**
 * `hanse graph compile`: what a model becomes when it is trained, as files, and what that costs.
 */
import { join } from 'node:path';
import { primitives } from '#primitives';
import { toHex } from '../../protocol/bytes.ts';
import { HanseError } from '../../protocol/problem.ts';
import { defineCommand } from '../../schemas/command.ts';
import { LocalTraining } from '../../schemas/training.ts';
import { compileEvaluation, evaluationGraph } from '../graph/compile-evaluation.ts';
import { compileTrainEpoch } from '../graph/compile-train-epoch.ts';
import { compileTrainStep } from '../graph/compile-train-step.ts';
import { type Cost, costOf } from '../graph/cost.ts';
import { parameterCount } from '../graph/parameters.ts';
import { CHOICE_OPTIONS, type ChoiceOptions, choicesOf } from './choice-option.ts';
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
import { makeOutputFolder, writeOutput } from './output-file.ts';

export interface CompileOptions
  extends GraphModelOptions,
    OptimizerOptions,
    GradientClipOptions,
    ChoiceOptions {
  readonly batch: number;
  readonly output: string;
  readonly clipPerExample?: boolean;
  readonly memoryLimit?: number;
}

const MEGABYTE = 1_000_000;

export const compileCommand = defineCommand<CompileOptions>({
  summary: 'compile the train step of a model, and say what it costs',
  arguments: [GRAPH_MODEL_ARGUMENT],
  options: [
    ...LOSS_OPTIONS,
    ...OPTIMIZER_OPTIONS,
    GRADIENT_CLIP_OPTION,
    ...CHOICE_OPTIONS,
    {
      flags: '--batch <n>',
      description: 'examples in a batch',
      kind: 'integer',
      default: 32,
      schema: LocalTraining.properties.batchSize,
    },
    { flags: '--clip-per-example', description: 'the step bounds the gradient of each example' },
    {
      flags: '--memory-limit <MB>',
      description: 'compute parts of the model twice where a step would need more memory',
      kind: 'number',
    },
    { flags: '-o, --output <dir>', description: 'folder for the graphs', default: 'compiled' },
    GRAPH_SEED_OPTION,
  ],
  examples: [
    ['hanse graph compile model.onnx --batch 32 -o job/', 'train step, epoch and evaluation as ONNX files'],
    [
      'hanse graph compile transformer --batch 256 --memory-limit 300 -o job/',
      'a step that stays below 300 MB',
    ],
  ],
  async run({ args, options }, io) {
    const { batch: batchSize, clipPerExample: clipsExamples = false, memoryLimit } = options;
    if (memoryLimit !== undefined && !(memoryLimit > 0))
      throw new HanseError('usage', { reason: '--memory-limit takes a positive number of megabytes' });
    if (memoryLimit !== undefined && clipsExamples)
      throw new HanseError('usage', {
        reason:
          'a step that clips examples needs all activations: --memory-limit has nothing to compute again',
      });
    const forward = await loadModel(args[0] ?? '', options.seed, choicesOf(options));
    const bound = memoryLimit === undefined ? {} : { memoryLimit: memoryLimit * MEGABYTE };
    const training = { ...trainingOf(options), batchSize, clipsExamples, ...bound };
    const evaluation = {
      ...compileEvaluation(forward, training),
      cost: costOf(evaluationGraph(forward, training)),
    };
    const compiled = [
      { file: 'train-step.onnx', ...compileTrainStep(forward, training) },
      { file: 'train-epoch.onnx', ...compileTrainEpoch(forward, training) },
      { file: 'evaluation.onnx', ...evaluation },
    ];
    await makeOutputFolder(options.output);
    const graphs = [];
    for (const { file, bytes, cost } of compiled) {
      const path = join(options.output, file);
      await writeOutput(path, bytes);
      const sha256 = toHex(await primitives.sha256(bytes));
      io.print(`${path}: ${inWords(cost)}, ${bytes.length} bytes, SHA-256 ${sha256}`);
      graphs.push({ file: path, bytes: bytes.length, sha256, ...cost });
    }
    const parameters = parameterCount(forward);
    io.print(`${parameters} parameters in ${forward.parameters.length} tensors`);
    return { parameters, graphs };
  },
});

function inWords({ nodes, flops, peakBytes }: Cost): string {
  return `${nodes} nodes, ${(flops / 1e6).toFixed(1)} MFLOP, ${(peakBytes / MEGABYTE).toFixed(1)} MB`;
}
