/**
 * The sum of the clipped gradients of a batch as an ONNX graph: what a round over lots asks of the engine. SPEC.md 6.1.
 *
 *   unit example:  G = sum_i w_i min(1, C/|g_i|) g_i,  g_i the gradient of the loss of example i alone
 *   unit person:   the batch holds the examples of one person, G = min(1, C/|g|) g,  g the gradient of its mean loss
 *
 * Nothing is divided by the number of examples, which a lot does not tell. There is no optimiser: that is the coordinator's.
 */
import { HanseError } from '../../protocol/problem.ts';
import type { PrivacyUnit } from '../../schemas/job.ts';
import type { Loss } from '../../schemas/training.ts';
import { declareInput, parameterInputs } from './border.ts';
import { clipGradientTo } from './clip-gradient.ts';
import type { CompiledLotGradient, TensorSpec } from './compiled.ts';
import { costOf } from './cost.ts';
import { fewestSegments } from './fewest-segments.ts';
import type { ForwardGraph } from './forward-graph.ts';
import type { Value } from './graph.ts';
import { GraphBuilder } from './graph-builder.ts';
import { encodeModel } from './onnx-encode.ts';
import { bindBatch, type Gradients, gradientsPerBatch, gradientsPerExample } from './training-batch.ts';

export interface LotOptions {
  readonly loss: Loss;
  /** B >= 1: examples that are computed at once, or that a person may have. */
  readonly batchSize: number;
  readonly unit: Extract<PrivacyUnit, 'example' | 'person'>;
}

/**
 * @throws manifestInvalid where batch size or loss do not fit the model; gradientUnsupported; perExampleUnsupported;
 *   graphTooLarge where the batch needs too much memory
 */
export function compileLotGradient(forward: ForwardGraph, options: LotOptions): CompiledLotGradient {
  const bound = { limit: forward.limits.memory, least: 1, mayRecompute: false };
  const { graph, border } = fewestSegments(bound, () => build(forward, options));
  const { batchSize, unit } = options;
  return { kind: 'lotGradient', bytes: encodeModel(graph), ...border, cost: costOf(graph), batchSize, unit };
}

function build(forward: ForwardGraph, options: LotOptions) {
  const g = new GraphBuilder('lot_gradient');
  const parameters = parameterInputs(forward);
  if (parameters.length === 0)
    throw new HanseError('graphWithoutParameters', { tensors: forward.frozen.length });
  const values = parameters.map((spec) => declareInput(g, spec));
  const declare = (spec: TensorSpec) => declareInput(g, spec);
  const { bound, loss, input, target, masks } = bindBatch(g, forward, options, values, declare);
  const moved = parameters.find((_, index) => bound.statistics.has(values[index] as Value));
  if (moved)
    throw new HanseError('perExampleUnsupported', {
      operator: 'BatchNormalization',
      node: moved.name,
      reason: 'statistics of the data would leave the node without noise',
    });
  const clipNorm = declare({ name: 'clipNorm', type: 'float32', shape: [] });
  const batch = { bound, loss, parameters: values, scaled: (value: Value) => value };
  const gradients: Gradients =
    options.unit === 'person'
      ? clipGradientTo(g, gradientsPerBatch(g, batch, 1), clipNorm)
      : gradientsPerExample(g, batch, clipNorm, loss.weight);
  const outputs = parameters.map(({ name, shape, size }, index) => ({
    name: `${name}_gradient`,
    value: gradients[index] ?? g.constant({ dtype: 'float32', shape, data: new Float32Array(size) }),
  }));
  const graph = g.finish([...outputs, { name: 'loss', value: loss.terms.total }]);
  return { graph, border: { parameters, input, target, masks } };
}
