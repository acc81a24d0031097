/**
 * The train step as a graph: forward, loss, backward, optimiser. SPEC.md section 6.1. `compile-train-step.ts` runs it
 * once, `compile-train-epoch.ts` repeats it.
 *
 *   c_i = w_i / sum(w)        loss = sum_i c_i l(f(x_i; p), y_i)        p' = optimiser(p, d loss / d p)
 *
 * A batch of weight 0 has c = 0: its loss and all its gradients are 0, and optimisers leave everything as it was.
 */
import type { Loss, Optimizer } from '../../schemas/training.ts';
import { differentiate } from './autodiff.ts';
import { batchInput, batchTarget, declareInput, parameterInputs } from './border.ts';
import type { ParameterSpec, TensorSpec } from './compiled.ts';
import { bindForward, type ForwardGraph } from './forward-graph.ts';
import type { Port, Value } from './graph.ts';
import type { GraphBuilder } from './graph-builder.ts';
import { LOSS_RULES } from './losses/loss-rules.ts';
import { optimizerRule } from './optimizers/optimizer-rules.ts';

export interface TrainingOptions {
  readonly loss: Loss;
  readonly optimizer: Optimizer;
  /** B >= 1. */
  readonly batchSize: number;
}

export interface TrainStep {
  readonly parameters: readonly ParameterSpec[];
  readonly state: readonly TensorSpec[];
  readonly input: TensorSpec;
  readonly target: TensorSpec;
  /** [B], one weight per example. */
  readonly weight: TensorSpec;
  /** The next parameters, the next state, the loss. */
  readonly outputs: readonly Port[];
}

/**
 * Builds one step into `g`. Declares, in this order, the parameters, the state, x, y and weight as its inputs.
 * @param learningRate [], of `g` or of a graph around it
 * @throws manifestInvalid where batch size or loss do not fit the model; gradientUnsupported
 */
export function buildTrainStep(
  g: GraphBuilder,
  forward: ForwardGraph,
  options: TrainingOptions,
  learningRate: Value,
): TrainStep {
  const { loss, batchSize } = options;
  const rule = optimizerRule(options.optimizer);
  const input = batchInput(forward, batchSize);
  const parameters = parameterInputs(forward);
  const state = parameters.flatMap(({ name, shape }) =>
    rule.stateNames.perParameter.map((part) => tensor(`${name}_${part}`, shape)),
  );
  const ownStates = state.length;
  state.push(...rule.stateNames.shared.map((name) => tensor(name, [])));

  const parameterValues = parameters.map((spec) => declareInput(g, spec));
  const stateValues = state.map((spec) => declareInput(g, spec));
  const x = declareInput(g, input);
  const { output, tape } = bindForward(g, forward, x, parameterValues);
  const target = batchTarget(loss, output.shape, batchSize);
  const weight = tensor('weight', [batchSize]);
  const y = declareInput(g, target);
  const w = declareInput(g, weight);

  const weightSum = g.total(w);
  const active = g.apply('Greater', [weightSum, g.scalar(0)]);
  const coefficient = g.div(w, g.where(active, weightSum, g.scalar(1)));
  const terms = LOSS_RULES[loss].terms(g, output, y, coefficient);

  const step = rule.beginStep(g, { learningRate, active }, stateValues.slice(ownStates));
  const gradient = terms.gradient();
  const seed = step.gradientScale ? g.mul(gradient, step.gradientScale) : gradient;
  const gradients = differentiate(g, tape, output, seed, parameterValues);
  const statesEach = rule.stateNames.perParameter.length;
  const updates = parameterValues.map((parameter, index) => {
    const own = stateValues.slice(index * statesEach, (index + 1) * statesEach);
    const byParameter = gradients[index];
    return byParameter ? step.update(parameter, byParameter, own) : { parameter, state: own };
  });
  const nextState = [...updates.flatMap((update) => update.state), ...step.shared];
  const outputs = [
    ...updates.map((update, index) => next(parameters[index], update.parameter)),
    ...nextState.map((value, index) => next(state[index], value)),
    { name: 'loss', value: terms.total },
  ];
  return { parameters, state, input, target, weight, outputs };
}

function tensor(name: string, shape: readonly number[]): TensorSpec {
  return { name, type: 'float32', shape };
}

function next(spec: { readonly name: string } | undefined, value: Value): Port {
  return { name: `${spec?.name}_next`, value };
}
