/**
 * One optimiser step as an ONNX graph. For providers that keep parameters on a device between steps (WebGPU), and
 * for looking at single steps.
 */
import type { CompiledStep } from './compiled.ts';
import { compiledBytes } from './compiled-bytes.ts';
import type { ForwardGraph } from './forward-graph.ts';
import type { Graph } from './graph.ts';
import { GraphBuilder } from './graph-builder.ts';
import { buildTrainStep, type TrainingOptions } from './train-step.ts';

/** @throws manifestInvalid where batch size or loss do not fit the model; gradientUnsupported */
export function compileTrainStep(forward: ForwardGraph, options: TrainingOptions): CompiledStep {
  const g = new GraphBuilder('train_step');
  const { outputs, perStep: _, ...border } = buildTrainStep(g, forward, options);
  const bytes = compiledBytes(g.finish(outputs), forward.limits);
  const { batchSize, clipsExamples = false } = options;
  return { kind: 'step', bytes, ...border, batchSize, clipsExamples };
}

/** The loss of a batch as the step has it, in training mode, and nothing of the step itself. Output: `loss`. */
export function trainLossGraph(forward: ForwardGraph, options: TrainingOptions): Graph {
  const g = new GraphBuilder('train_loss');
  return g.finish(buildTrainStep(g, forward, options).outputs.slice(-1));
}

/** The same step before it is encoded, for whoever evaluates it by other means. */
export function trainStepGraph(forward: ForwardGraph, options: TrainingOptions): Graph {
  const g = new GraphBuilder('train_step');
  return g.finish(buildTrainStep(g, forward, options).outputs);
}
