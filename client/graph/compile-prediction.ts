/**
 * The forward graph with its parameters as inputs, at one batch size.
 */

import { bindForward } from './bind-forward.ts';
import { INFERENCE } from './bind-mode.ts';
import { batchInput, declareInput, parameterInputs } from './border.ts';
import type { CompiledPrediction, TensorSpec } from './compiled.ts';
import { compiledBytes } from './compiled-bytes.ts';
import type { ForwardGraph } from './forward-graph.ts';
import { GraphBuilder } from './graph-builder.ts';

export interface PredictionOptions {
  /** B >= 1. */
  readonly batchSize: number;
}

/** @throws manifestInvalid for a batch size that the model does not take */
export function compilePrediction(
  forward: ForwardGraph,
  { batchSize }: PredictionOptions,
): CompiledPrediction {
  const g = new GraphBuilder('prediction');
  const input = batchInput(forward, batchSize);
  const parameters = parameterInputs(forward);
  const values = parameters.map((spec) => declareInput(g, spec));
  const bound = bindForward(g, forward, declareInput(g, input), values, INFERENCE);

  const taken = new Set([input.name, ...parameters.map((spec) => spec.name)]);
  const ports = bound.outputs.map(({ name: asked, value }) => {
    let name = asked;
    while (taken.has(name)) name += '_';
    taken.add(name);
    // What crosses the border is float32 or int32.
    return { name, value: value.dtype === 'float32' ? value : g.cast(value, 'int32') };
  });
  const outputs = ports.map(({ name, value }): TensorSpec => {
    const type = value.dtype === 'float32' ? 'float32' : 'int32';
    return { name, type, shape: value.shape };
  });
  const bytes = compiledBytes(g.finish(ports), forward.limits);
  return { kind: 'prediction', bytes, parameters, input, outputs, batchSize };
}
