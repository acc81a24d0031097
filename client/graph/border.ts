/**
 * The border of the compiled artefacts: names and declarations of inputs, the same in all of them.
 */
import { HanseError } from '../../protocol/problem.ts';
import type { Loss } from '../../schemas/training.ts';
import type { ParameterSpec, TensorSpec } from './compiled.ts';
import { type ForwardGraph, requireBatchSize } from './forward-graph.ts';
import type { Value } from './graph.ts';
import type { GraphBuilder } from './graph-builder.ts';
import { lossRule } from './losses/loss-rules.ts';
import { parameterSpecs } from './parameters.ts';
import type { Shape } from './tensor-type.ts';

/** Inputs and outputs with a fixed meaning in some artefact. */
const FIXED_NAMES = [
  'x',
  'y',
  'weight',
  'lr',
  'clipNorm',
  'loss',
  'losses',
  'lossSum',
  'weightSum',
  'correct',
  'counted',
  'steps',
];

/** Masks by their number, and endings by which outputs and optimiser state are named after their parameter. */
const DERIVED_NAME = /^mask\d+$|_(next|gradient|velocity|first_moment|second_moment)$/;

/** The parameters under the names that they have as inputs: the model's, unless an artefact needs that name. */
export function parameterInputs(forward: ForwardGraph): ParameterSpec[] {
  const taken = new Set(FIXED_NAMES);
  return parameterSpecs(forward).map((spec) => {
    let { name } = spec;
    while (taken.has(name) || DERIVED_NAME.test(name)) name += '_';
    taken.add(name);
    return { ...spec, name };
  });
}

/** The forward graph's input. @throws manifestInvalid for a batch size that the model does not take */
export function batchInput(forward: ForwardGraph, batchSize: number): TensorSpec {
  requireBatchSize(forward, batchSize);
  const { dtype, example } = forward.input;
  return { name: 'x', type: dtype === 'float32' ? 'float32' : 'int32', shape: [batchSize, ...example] };
}

/**
 * The target that a loss compares outputs of this shape with.
 * @throws manifestInvalid where the loss does not fit the model, or an example has no output of its own
 */
export function batchTarget(loss: Loss, output: Shape, batchSize: number): TensorSpec {
  const target = lossRule(loss).target(output);
  if (typeof target === 'string' || output[0] !== batchSize) {
    const takes = typeof target === 'string' ? target : 'one output per example';
    const reason = `${loss.type} takes ${takes}; a batch of ${batchSize} gives [${output}]`;
    throw new HanseError('manifestInvalid', { where: 'loss', reason });
  }
  return { name: 'y', ...target };
}

/** Declares an input; a parameter is float32. */
export function declareInput(g: GraphBuilder, spec: TensorSpec | ParameterSpec, leadingAxis?: string): Value {
  return g.input(spec.name, 'type' in spec ? spec.type : 'float32', spec.shape, leadingAxis);
}
