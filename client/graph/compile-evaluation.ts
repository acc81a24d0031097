/**
 * Evaluation of one batch as an ONNX graph. Sums, not means, so that batches and participants add up.
 */
import type { Loss } from '../../schemas/training.ts';
import { bindForward } from './bind-forward.ts';
import { INFERENCE } from './bind-mode.ts';
import { batchInput, batchTarget, declareInput, parameterInputs } from './border.ts';
import type { CompiledEvaluation, TensorSpec } from './compiled.ts';
import { compiledBytes } from './compiled-bytes.ts';
import type { ForwardGraph } from './forward-graph.ts';
import type { Graph } from './graph.ts';
import { GraphBuilder } from './graph-builder.ts';
import { lossRule } from './losses/loss-rules.ts';

export interface EvaluationOptions {
  readonly loss: Loss;
  /** B >= 1. */
  readonly batchSize: number;
}

/** @throws manifestInvalid where batch size or loss do not fit the model */
export function compileEvaluation(forward: ForwardGraph, options: EvaluationOptions): CompiledEvaluation {
  const { graph, ...border } = buildEvaluation(forward, options);
  const bytes = compiledBytes(graph, forward.limits);
  return { kind: 'evaluation', bytes, ...border, batchSize: options.batchSize };
}

/** The same graph before it is encoded, for whoever evaluates it by other means. */
export function evaluationGraph(forward: ForwardGraph, options: EvaluationOptions): Graph {
  return buildEvaluation(forward, options).graph;
}

function buildEvaluation(forward: ForwardGraph, { loss, batchSize }: EvaluationOptions) {
  const g = new GraphBuilder('evaluation');
  const input = batchInput(forward, batchSize);
  const parameters = parameterInputs(forward);
  const values = parameters.map((spec) => declareInput(g, spec));
  const { output } = bindForward(g, forward, declareInput(g, input), values, INFERENCE);
  const target = batchTarget(loss, output.shape, batchSize);
  const y = declareInput(g, target);
  const weight: TensorSpec = { name: 'weight', type: 'float32', shape: [batchSize] };
  const w = declareInput(g, weight);
  const rule = lossRule(loss);
  const mass = rule.mass(g, output, y);
  const { right, counted } = rule.correct(g, output, y, w);
  const graph = g.finish([
    { name: 'lossSum', value: rule.terms(g, output, y, w).total },
    { name: 'weightSum', value: g.total(mass ? g.mul(w, mass) : w) },
    { name: 'correct', value: right },
    { name: 'counted', value: counted },
  ]);
  return { graph, parameters, input, target };
}
