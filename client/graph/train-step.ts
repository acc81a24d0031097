/**
 * The train step as a graph: forward, loss, backward, optimiser. SPEC.md section 6.1. `compile-train-step.ts` runs it
 * once, `compile-train-epoch.ts` repeats it.
 *
 *   p' = optimiser(p, d loss / d p)
 *
 * with the loss of `training-batch.ts`: in a batch of weight 0 all gradients are 0, and optimisers leave everything as it
 * was.
 */
import { HanseError } from '../../protocol/problem.ts';
import type { Loss, Optimizer } from '../../schemas/training.ts';
import { declareInput, parameterInputs } from './border.ts';
import { clipGradient } from './clip-gradient.ts';
import type { MaskSpec, ParameterSpec, TensorSpec } from './compiled.ts';
import type { MemoryBound } from './fewest-segments.ts';
import type { ForwardGraph } from './forward-graph.ts';
import type { Port, Value } from './graph.ts';
import type { GraphBuilder } from './graph-builder.ts';
import { optimizerRule } from './optimizers/optimizer-rules.ts';
import { bindBatch, gradientsPerBatch, gradientsPerExample, type WeightedLoss } from './training-batch.ts';

export interface TrainingOptions {
  readonly loss: Loss;
  readonly optimizer: Optimizer;
  /** B >= 1. */
  readonly batchSize: number;
  /** Largest L2 norm of the gradient of a batch, > 0; a longer one is scaled down to it. */
  readonly gradientClip?: number | undefined;
  /** Bytes that a step may need; parts of the forward graph are computed twice where it would need more. */
  readonly memoryLimit?: number | undefined;
  /** Parts of the forward graph of which all but the last are computed again on the way back; at least 1. */
  readonly segments?: number;
  /** Whether the gradient of each example is clipped, to the L2 norm that the step takes as its input `clipNorm`. */
  readonly clipsExamples?: boolean;
}

/** Clipping of examples needs all activations until their norms are known: there is nothing to compute again. */
export function memoryBound({ limits }: ForwardGraph, options: TrainingOptions): MemoryBound {
  const limit = Math.min(options.memoryLimit ?? limits.memory, limits.memory);
  const mayRecompute = options.memoryLimit !== undefined && !options.clipsExamples;
  return { limit, least: options.segments ?? 1, mayRecompute };
}

export interface TrainStep {
  readonly parameters: readonly ParameterSpec[];
  readonly state: readonly TensorSpec[];
  readonly input: TensorSpec;
  readonly target: TensorSpec;
  readonly masks: readonly MaskSpec[];
  /** Names of parameters. */
  readonly statistics: readonly string[];
  /** What changes from step to step, in the order in which `g` declares it. */
  readonly perStep: readonly TensorSpec[];
  /** The next parameters, the next state, the loss. */
  readonly outputs: readonly Port[];
}

/**
 * Builds one step into `g`. Declares as its inputs the parameters, the state, and what changes from step to step.
 * @throws manifestInvalid where batch size or loss do not fit the model; gradientUnsupported; graphWithoutParameters
 */
export function buildTrainStep(g: GraphBuilder, forward: ForwardGraph, options: TrainingOptions): TrainStep {
  const { stateNames, beginStep } = optimizerRule(options.optimizer);
  const parameters = parameterInputs(forward);
  if (parameters.length === 0)
    throw new HanseError('graphWithoutParameters', { tensors: forward.frozen.length });
  const ownState = parameters.flatMap(({ name, shape }) =>
    stateNames.perParameter.map((part) => tensor(`${name}_${part}`, shape)),
  );
  const state = [...ownState, ...stateNames.shared.map((name) => tensor(name, []))];
  const parameterValues = parameters.map((spec) => declareInput(g, spec));
  const stateValues = state.map((spec) => declareInput(g, spec));
  const perStep: TensorSpec[] = [];
  const declare = (spec: TensorSpec) => {
    perStep.push(spec);
    return declareInput(g, spec);
  };

  const { bound, loss, input, target, masks } = bindBatch(g, forward, options, parameterValues, declare);
  const learningRate = declare(tensor('lr', []));

  const scalars = { learningRate, active: loss.active, isScalable: options.gradientClip === undefined };
  const step = beginStep(g, scalars, stateValues.slice(ownState.length));
  const scaled = (value: Value) => (step.gradientScale ? g.mul(value, step.gradientScale) : value);
  const batch = { bound, loss, parameters: parameterValues, scaled };
  const gradients = options.clipsExamples
    ? gradientsPerExample(g, batch, declare(tensor('clipNorm', [])), shareOf(g, loss))
    : gradientsPerBatch(g, batch, options.segments ?? 1);
  const clipped =
    options.gradientClip === undefined ? gradients : clipGradient(g, gradients, options.gradientClip);

  const statesEach = stateNames.perParameter.length;
  const updates = parameterValues.map((parameter, index) => {
    const own = stateValues.slice(index * statesEach, (index + 1) * statesEach);
    const statistic = bound.statistics.get(parameter);
    if (statistic) return { parameter: statistic, state: own };
    const byParameter = clipped[index];
    return byParameter ? step.update(parameter, byParameter, own) : { parameter, state: own };
  });
  const nextState = [...updates.flatMap((update) => update.state), ...step.shared];
  const outputs = [
    ...updates.map((update, index) => next(parameters[index], update.parameter)),
    ...nextState.map((value, index) => next(state[index], value)),
    { name: 'loss', value: loss.terms.total },
  ];
  const moved = parameters.filter((_, index) => bound.statistics.has(parameterValues[index] as Value));
  const statistics = moved.map(({ name }) => name);
  return { parameters, state, input, target, masks, statistics, perStep, outputs };
}

/** [B], of the examples of a batch: their weights over the sum of them. */
function shareOf(g: GraphBuilder, { weight, active }: WeightedLoss): Value {
  return g.div(weight, g.where(active, g.total(weight), g.scalar(1)));
}

function tensor(name: string, shape: readonly number[]): TensorSpec {
  return { name, type: 'float32', shape };
}

function next(spec: { readonly name: string } | undefined, value: Value): Port {
  return { name: `${spec?.name}_next`, value };
}
