/**
 * The train step as a graph: forward, loss, backward, optimiser. SPEC.md section 6.1. `compile-train-step.ts` runs it
 * once, `compile-train-epoch.ts` repeats it.
 *
 *   c_i = w_i / sum_j(w_j m_j)   loss = sum_i c_i l(f(x_i; p), y_i)   p' = optimiser(p, d loss / d p)
 *
 * with m the masses of the examples (`losses/loss-rule.ts`). A batch of weight 0 has c = 0: its loss and all its
 * gradients are 0, and optimisers leave everything as it was.
 */
import { HanseError } from '../../protocol/problem.ts';
import type { Loss, Optimizer } from '../../schemas/training.ts';
import { differentiate } from './autodiff.ts';
import { type BoundForward, bindForward } from './bind-forward.ts';
import { batchInput, batchTarget, declareInput, parameterInputs } from './border.ts';
import { clipGradient } from './clip-gradient.ts';
import type { MaskSpec, ParameterSpec, TensorSpec } from './compiled.ts';
import type { MemoryBound } from './fewest-segments.ts';
import type { ForwardGraph } from './forward-graph.ts';
import type { Port, Value } from './graph.ts';
import type { GraphBuilder } from './graph-builder.ts';
import type { LossRule, LossTerms } from './losses/loss-rule.ts';
import { lossRule } from './losses/loss-rules.ts';
import { optimizerRule } from './optimizers/optimizer-rules.ts';
import { clippedGradients } from './per-example/clip-per-example.ts';
import { replayOf } from './recompute.ts';

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
  const { batchSize } = options;
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

  const masks: MaskSpec[] = [];
  const input = batchInput(forward, batchSize);
  const x = declare(input);
  const weight = declare(tensor('weight', [batchSize]));
  const bound = bindForward(g, forward, x, parameterValues, {
    kind: 'training',
    weight,
    mask(shape, rate) {
      const spec = { name: `mask${masks.length}`, type: 'float32', shape, rate } as const;
      masks.push(spec);
      return declare(spec);
    },
  });
  const target = batchTarget(options.loss, bound.output.shape, batchSize);
  const y = declare(target);
  const learningRate = declare(tensor('lr', []));

  const loss = weightedLoss(g, options.loss, { output: bound.output, target: y, weight });
  const scalars = { learningRate, active: loss.active, isScalable: options.gradientClip === undefined };
  const step = beginStep(g, scalars, stateValues.slice(ownState.length));
  const scaled = (value: Value) => (step.gradientScale ? g.mul(value, step.gradientScale) : value);
  const batch = { bound, loss, parameters: parameterValues, scaled };
  const gradients = options.clipsExamples
    ? gradientsPerExample(g, batch, declare(tensor('clipNorm', [])))
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

interface WeightedBatch {
  readonly output: Value;
  readonly target: Value;
  /** [B] */
  readonly weight: Value;
}

/** The loss of a batch as the mean over what counts in it. */
interface WeightedLoss extends WeightedBatch {
  readonly rule: LossRule;
  /** [B], the mass of every example; undefined where it is 1. */
  readonly mass: Value | undefined;
  /** Whether anything counts. */
  readonly active: Value;
  readonly terms: LossTerms;
}

function weightedLoss(g: GraphBuilder, loss: Loss, batch: WeightedBatch): WeightedLoss {
  const { output, target, weight } = batch;
  const rule = lossRule(loss);
  const mass = rule.mass(g, output, target);
  const totalWeight = g.total(mass ? g.mul(weight, mass) : weight);
  const active = g.apply('Greater', [totalWeight, g.scalar(0)]);
  // Where nothing counts, x / infinity makes every coefficient 0: smoothing gives a loss even to labels of weight 0.
  const divisor = g.where(active, totalWeight, g.scalar(Number.POSITIVE_INFINITY));
  const terms = rule.terms(g, output, target, g.div(weight, divisor));
  return { ...batch, rule, mass, active, terms };
}

/** What the gradients of a batch follow from. */
interface DifferentiableBatch {
  readonly bound: BoundForward;
  readonly loss: WeightedLoss;
  readonly parameters: readonly Value[];
  /** By what the optimiser scales gradients with. */
  scaled(value: Value): Value;
}

type Gradients = (Value | undefined)[];

function gradientsPerBatch(
  g: GraphBuilder,
  { bound: { tape, output }, loss, parameters, scaled }: DifferentiableBatch,
  segments: number,
): Gradients {
  const replay = segments > 1 ? replayOf(g, tape.nodes, segments, new Set(parameters)) : undefined;
  return differentiate(g, tape, output, scaled(loss.terms.gradient()), parameters, replay);
}

/** @param clipNorm largest L2 norm of the gradient of one example */
function gradientsPerExample(
  g: GraphBuilder,
  { bound, loss, parameters, scaled }: DifferentiableBatch,
  clipNorm: Value,
): Gradients {
  const { output, target, weight, active, rule, mass } = loss;
  const [batchSize = 0] = weight.shape;
  const alone = coefficientAlone(g, mass, batchSize);
  const share = g.div(weight, g.where(active, g.total(weight), g.scalar(1)));
  return clippedGradients(g, {
    tape: bound.tape,
    output,
    seed: rule.terms(g, output, target, alone).gradient(),
    roots: [bound.input, weight],
    parameters,
    batchSize,
    clipNorm,
    share: scaled(share),
  });
}

/** [B], the coefficient of each example where it is a batch of its own: 1 / m, and 0 for one that weighs nothing. */
function coefficientAlone(g: GraphBuilder, mass: Value | undefined, batchSize: number): Value {
  if (!mass)
    return g.constant({ dtype: 'float32', shape: [batchSize], data: new Float32Array(batchSize).fill(1) });
  const counts = g.apply('Greater', [mass, g.scalar(0)]);
  return g.where(counts, g.div(g.scalar(1), g.where(counts, mass, g.scalar(1))), g.scalar(0));
}

function tensor(name: string, shape: readonly number[]): TensorSpec {
  return { name, type: 'float32', shape };
}

function next(spec: { readonly name: string } | undefined, value: Value): Port {
  return { name: `${spec?.name}_next`, value };
}
