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
import { bindForward } from './bind-forward.ts';
import { batchInput, batchTarget, declareInput, parameterInputs } from './border.ts';
import { clipGradient } from './clip-gradient.ts';
import type { MaskSpec, ParameterSpec, TensorSpec } from './compiled.ts';
import type { MemoryBound } from './fewest-segments.ts';
import type { ForwardGraph } from './forward-graph.ts';
import type { Port, Value } from './graph.ts';
import type { GraphBuilder } from './graph-builder.ts';
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
  const optimizer = optimizerRule(options.optimizer);
  const parameters = parameterInputs(forward);
  if (parameters.length === 0)
    throw new HanseError('graphWithoutParameters', { tensors: forward.frozen.length });
  const state = parameters.flatMap(({ name, shape }) =>
    optimizer.stateNames.perParameter.map((part) => tensor(`${name}_${part}`, shape)),
  );
  const ownStates = state.length;
  state.push(...optimizer.stateNames.shared.map((name) => tensor(name, [])));

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
  const {
    input: data,
    output,
    tape,
    statistics,
  } = bindForward(g, forward, x, parameterValues, {
    kind: 'training',
    weight,
    mask(shape, rate) {
      const spec = { name: `mask${masks.length}`, type: 'float32', shape, rate } as const;
      masks.push(spec);
      return declare(spec);
    },
  });
  const target = batchTarget(options.loss, output.shape, batchSize);
  const y = declare(target);
  const learningRate = declare(tensor('lr', []));

  const rule = lossRule(options.loss);
  const mass = rule.mass(g, output, y);
  const totalWeight = g.total(mass ? g.mul(weight, mass) : weight);
  const active = g.apply('Greater', [totalWeight, g.scalar(0)]);
  // Where nothing counts, x / infinity makes every coefficient 0: smoothing gives a loss even to labels of weight 0.
  const divisor = g.where(active, totalWeight, g.scalar(Number.POSITIVE_INFINITY));
  const coefficient = g.div(weight, divisor);
  const terms = rule.terms(g, output, y, coefficient);

  const isScalable = options.gradientClip === undefined;
  const shared = stateValues.slice(ownStates);
  const step = optimizer.beginStep(g, { learningRate, active, isScalable }, shared);
  const scaled = (value: Value) => (step.gradientScale ? g.mul(value, step.gradientScale) : value);
  const replay =
    options.segments !== undefined && options.segments > 1
      ? replayOf(g, tape.nodes, options.segments, new Set(parameterValues))
      : undefined;
  const perBatch = () => differentiate(g, tape, output, scaled(terms.gradient()), parameterValues, replay);
  const perExample = () => {
    const alone = coefficientAlone(g, mass, batchSize);
    const share = g.div(weight, g.where(active, g.total(weight), g.scalar(1)));
    return clippedGradients(g, {
      tape,
      output,
      seed: rule.terms(g, output, y, alone).gradient(),
      roots: [data, weight],
      parameters: parameterValues,
      batchSize,
      clipNorm: declare(tensor('clipNorm', [])),
      share: scaled(share),
    });
  };
  const gradients = options.clipsExamples ? perExample() : perBatch();
  const clipped =
    options.gradientClip === undefined ? gradients : clipGradient(g, gradients, options.gradientClip);
  const statesEach = optimizer.stateNames.perParameter.length;
  const updates = parameterValues.map((parameter, index) => {
    const own = stateValues.slice(index * statesEach, (index + 1) * statesEach);
    const statistic = statistics.get(parameter);
    if (statistic) return { parameter: statistic, state: own };
    const byParameter = clipped[index];
    return byParameter ? step.update(parameter, byParameter, own) : { parameter, state: own };
  });
  const nextState = [...updates.flatMap((update) => update.state), ...step.shared];
  const outputs = [
    ...updates.map((update, index) => next(parameters[index], update.parameter)),
    ...nextState.map((value, index) => next(state[index], value)),
    { name: 'loss', value: terms.total },
  ];
  const moved = parameters.filter((_, index) => statistics.has(parameterValues[index] as Value));
  return {
    parameters,
    state,
    input,
    target,
    masks,
    statistics: moved.map(({ name }) => name),
    perStep,
    outputs,
  };
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
