/**
 * Any number of optimiser steps as one ONNX graph: the train step is the body of a Scan over the leading axis of the
 * data. On CPU and WASM this saves a call into the runtime per step and is 1.25 to 1.5 times faster than single
 * steps, with the same results to the bit.
 */
import { declareInput } from './border.ts';
import type { CompiledEpoch } from './compiled.ts';
import { compiledBytes } from './compiled-bytes.ts';
import type { ForwardGraph } from './forward-graph.ts';
import { GraphBuilder } from './graph-builder.ts';
import { buildTrainStep, type TrainingOptions } from './train-step.ts';

/** The name of the leading axis. */
const STEPS = 'S';

/** @throws manifestInvalid where batch size or loss do not fit the model; gradientUnsupported */
export function compileTrainEpoch(forward: ForwardGraph, options: TrainingOptions): CompiledEpoch {
  const g = new GraphBuilder('train_epoch');
  const body = new GraphBuilder('train_step', g);
  const step = buildTrainStep(body, forward, options);
  const { outputs: _, perStep, ...border } = step;

  const states = [...border.parameters, ...border.state].map((spec) => declareInput(g, spec));
  const scanned = perStep.map((spec) => declareInput(g, spec, STEPS));
  const results = g.scan(body.finish(step.outputs), states, scanned);
  const outputs = results.map((value, index) => {
    const name = step.outputs[index]?.name ?? '';
    return index < states.length ? { name, value } : { name: 'losses', value, leadingAxis: STEPS };
  });
  const bytes = compiledBytes(g.finish(outputs), forward.limits);
  const { batchSize, clipsExamples = false } = options;
  return { kind: 'epoch', bytes, ...border, batchSize, clipsExamples };
}
