/**
 * One optimiser step as an ONNX graph. For providers that keep parameters on a device between steps (WebGPU), and
 * for looking at single steps.
 */
import type { CompiledStep } from './compiled.ts';
import { costOf } from './cost.ts';
import { fewestSegments } from './fewest-segments.ts';
import type { ForwardGraph } from './forward-graph.ts';
import type { Graph } from './graph.ts';
import { GraphBuilder } from './graph-builder.ts';
import { encodeModel } from './onnx-encode.ts';
import { buildTrainStep, memoryBound, type TrainingOptions } from './train-step.ts';

/**
 * @throws manifestInvalid where batch size or loss do not fit the model; gradientUnsupported; perExampleUnsupported;
 *   graphTooLarge where the step needs too much memory
 */
export function compileTrainStep(forward: ForwardGraph, options: TrainingOptions): CompiledStep {
  const { graph, border } = fewestSegments(memoryBound(forward, options), (segments) => {
    const g = new GraphBuilder('train_step');
    const { outputs, perStep: _, ...rest } = buildTrainStep(g, forward, { ...options, segments });
    return { graph: g.finish(outputs), border: rest };
  });
  const { batchSize, clipsExamples = false } = options;
  return {
    kind: 'step',
    bytes: encodeModel(graph),
    ...border,
    cost: costOf(graph),
    batchSize,
    clipsExamples,
  };
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
