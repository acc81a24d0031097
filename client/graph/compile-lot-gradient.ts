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
import type { CompiledLotGradient, ParameterSpec, TensorSpec } from './compiled.ts';
import { costOf } from './cost.ts';
import { fewestSegments } from './fewest-segments.ts';
import type { ForwardGraph } from './forward-graph.ts';
import type { Graph, Value } from './graph.ts';
import { GraphBuilder } from './graph-builder.ts';
import { encodeModel } from './onnx-encode.ts';
import { bindBatch, type Gradients, gradientsPerBatch, gradientsPerExample } from './training-batch.ts';

/** The name of the leading axis. */
const BATCHES = 'S';

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
  const { graph, border } = fewestSegments(bound, () => single(forward, options));
  const { batchSize, unit } = options;
  return {
    kind: 'lotGradient',
    bytes: encodeModel(graph),
    ...border,
    cost: costOf(graph),
    batchSize,
    unit,
    run: () => encodeModel(several(forward, options)),
  };
}

/** One batch. */
function single(forward: ForwardGraph, options: LotOptions) {
  const g = new GraphBuilder('lot_gradient');
  const border = declareAround(g, forward);
  const { gradients, loss, ...batch } = buildBatch(g, forward, options, border);
  const outputs = border.parameters.map(({ name }, index) => ({
    name: `${name}_gradient`,
    value: gradients[index] as Value,
  }));
  const graph = g.finish([...outputs, { name: 'loss', value: loss }]);
  return { graph, border: { parameters: border.parameters, ...batch } };
}

/** Batches one after the other, whose gradients are added as they come: the body of a Scan, around which the model stays. */
function several(forward: ForwardGraph, options: LotOptions): Graph {
  const g = new GraphBuilder('lot_gradients');
  const border = declareAround(g, forward);
  const body = new GraphBuilder('lot_gradient', g);
  const names = border.parameters.map(({ name, shape }) => ({ name: `${name}_gradient`, shape }));
  const specs = names.map(({ name, shape }) => ({ name, type: 'float32' as const, shape }));
  const before = specs.map((spec) => declareInput(body, spec));
  const perBatch: TensorSpec[] = [];
  const { gradients, loss } = buildBatch(body, forward, options, border, (spec) => perBatch.push(spec));
  const ofBatch = [
    ...specs.map(({ name }, index) => ({
      name: `${name}_next`,
      value: body.add(before[index] as Value, gradients[index] as Value),
    })),
    { name: 'loss', value: loss },
  ];
  const states = specs.map((spec) => declareInput(g, spec));
  const scanned = perBatch.map((spec) => declareInput(g, spec, BATCHES));
  const results = g.scan(body.finish(ofBatch), states, scanned);
  return g.finish(
    results.map((value, index) =>
      index < specs.length
        ? { name: `${specs[index]?.name}_next`, value }
        : { name: 'losses', value, leadingAxis: BATCHES },
    ),
  );
}

/** What is the same for all batches. */
interface Around {
  readonly parameters: readonly ParameterSpec[];
  readonly values: readonly Value[];
  readonly clipNorm: Value;
}

function declareAround(g: GraphBuilder, forward: ForwardGraph): Around {
  const parameters = parameterInputs(forward);
  if (parameters.length === 0)
    throw new HanseError('graphWithoutParameters', { tensors: forward.frozen.length });
  const values = parameters.map((spec) => declareInput(g, spec));
  return { parameters, values, clipNorm: declareInput(g, { name: 'clipNorm', type: 'float32', shape: [] }) };
}

/** @param declared called with each input of the batch, in their order */
function buildBatch(
  g: GraphBuilder,
  forward: ForwardGraph,
  options: LotOptions,
  { parameters, values, clipNorm }: Around,
  declared: (spec: TensorSpec) => void = () => {},
) {
  const { bound, loss, input, target, masks } = bindBatch(g, forward, options, values, (spec) => {
    declared(spec);
    return declareInput(g, spec);
  });
  const moved = parameters.find((_, index) => bound.statistics.has(values[index] as Value));
  if (moved)
    throw new HanseError('perExampleUnsupported', {
      operator: 'BatchNormalization',
      node: moved.name,
      reason: 'statistics of the data would leave the node without noise',
    });
  const batch = { bound, loss, parameters: values, scaled: (value: Value) => value };
  const known: Gradients =
    options.unit === 'person'
      ? clipGradientTo(g, gradientsPerBatch(g, batch, 1), clipNorm)
      : gradientsPerExample(g, batch, clipNorm, loss.weight);
  const gradients = parameters.map(
    ({ shape, size }, index) =>
      known[index] ?? g.constant({ dtype: 'float32', shape, data: new Float32Array(size) }),
  );
  return { gradients, loss: loss.terms.total, input, target, masks };
}
