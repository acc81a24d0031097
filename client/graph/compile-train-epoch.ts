/**
 * Any number of optimiser steps as one ONNX graph: the train step is the body of a Scan over the leading axis of the
 * data. On CPU and WASM this saves a call into the runtime per step and is 1.25 to 1.5 times faster than single
 * steps, with the same results to the bit.
 */
import { declareInput } from './border.ts';
import { compileTrainStep } from './compile-train-step.ts';
import type { CompiledEpoch } from './compiled.ts';
import { costOf } from './cost.ts';
import { fewestSegments } from './fewest-segments.ts';
import type { ForwardGraph } from './forward-graph.ts';
import { GraphBuilder } from './graph-builder.ts';
import { encodeModel } from './onnx-encode.ts';
import { buildTrainStep, memoryBound, type TrainingOptions } from './train-step.ts';

/** The name of the leading axis. */
const STEPS = 'S';

/** @throws as `compileTrainStep` */
export function compileTrainEpoch(forward: ForwardGraph, options: TrainingOptions): CompiledEpoch {
  const bound = memoryBound(forward, options);
  const { graph, whole, border } = fewestSegments(bound, (segments) =>
    build(forward, { ...options, segments }),
  );
  const { batchSize, clipsExamples = false } = options;
  return {
    kind: 'epoch',
    bytes: encodeModel(whole),
    ...border,
    cost: costOf(graph),
    batchSize,
    clipsExamples,
    step: () => compileTrainStep(forward, options),
  };
}

/** The graph of one step, and the whole of which it is the body. */
function build(forward: ForwardGraph, options: TrainingOptions) {
  const g = new GraphBuilder('train_epoch');
  const body = new GraphBuilder('train_step', g);
  const { outputs: ofStep, perStep, ...border } = buildTrainStep(body, forward, options);
  const states = [...border.parameters, ...border.state].map((spec) => declareInput(g, spec));
  const scanned = perStep.map((spec) => declareInput(g, spec, STEPS));
  const graph = body.finish(ofStep);
  const results = g.scan(graph, states, scanned);
  const outputs = results.map((value, index) => {
    const name = ofStep[index]?.name ?? '';
    return index < states.length ? { name, value } : { name: 'losses', value, leadingAxis: STEPS };
  });
  return { graph, whole: g.finish(outputs), border };
}
