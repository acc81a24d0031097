/**
 * One batch on its way through the model and back: what optimiser steps and sums over lots have in common. SPEC.md 6.1.
 *
 *   c_i = w_i / sum_j(w_j m_j)   loss = sum_i c_i l(f(x_i; p), y_i)
 *
 * with m the masses of the examples (`losses/loss-rule.ts`). A batch of weight 0 has c = 0: its loss and all its
 * gradients are 0.
 */
import type { Loss } from '../../schemas/training.ts';
import { differentiate } from './autodiff.ts';
import { type BoundForward, bindForward } from './bind-forward.ts';
import { batchInput, batchTarget } from './border.ts';
import type { MaskSpec, TensorSpec } from './compiled.ts';
import type { ForwardGraph } from './forward-graph.ts';
import type { Value } from './graph.ts';
import type { GraphBuilder } from './graph-builder.ts';
import type { LossRule, LossTerms } from './losses/loss-rule.ts';
import { lossRule } from './losses/loss-rules.ts';
import { clippedGradients } from './per-example/clip-per-example.ts';
import { replayOf } from './recompute.ts';

/** Declares an input of the graph that is built. */
export type Declare = (spec: TensorSpec) => Value;

export interface BoundBatch {
  readonly bound: BoundForward;
  readonly loss: WeightedLoss;
  readonly input: TensorSpec;
  readonly target: TensorSpec;
  readonly masks: readonly MaskSpec[];
}

/**
 * The batch as inputs `x`, `weight`, masks and `y`, in this order, and its loss in training mode.
 * @throws manifestInvalid where batch size or loss do not fit the model
 */
export function bindBatch(
  g: GraphBuilder,
  forward: ForwardGraph,
  { loss, batchSize }: { readonly loss: Loss; readonly batchSize: number },
  parameters: readonly Value[],
  declare: Declare,
): BoundBatch {
  const masks: MaskSpec[] = [];
  const input = batchInput(forward, batchSize);
  const x = declare(input);
  const weight = declare({ name: 'weight', type: 'float32', shape: [batchSize] });
  const bound = bindForward(g, forward, x, parameters, {
    kind: 'training',
    weight,
    mask(shape, rate) {
      const spec = { name: `mask${masks.length}`, type: 'float32', shape, rate } as const;
      masks.push(spec);
      return declare(spec);
    },
  });
  const target = batchTarget(loss, bound.output.shape, batchSize);
  const y = declare(target);
  return {
    bound,
    input,
    target,
    masks,
    loss: weightedLoss(g, loss, { output: bound.output, target: y, weight }),
  };
}

interface WeightedBatch {
  readonly output: Value;
  readonly target: Value;
  /** [B] */
  readonly weight: Value;
}

/** The loss of a batch as the mean over what counts in it. */
export interface WeightedLoss extends WeightedBatch {
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
export interface DifferentiableBatch {
  readonly bound: BoundForward;
  readonly loss: WeightedLoss;
  readonly parameters: readonly Value[];
  /** By what the optimiser scales gradients with. */
  scaled(value: Value): Value;
}

export type Gradients = (Value | undefined)[];

export function gradientsPerBatch(
  g: GraphBuilder,
  { bound: { tape, output }, loss, parameters, scaled }: DifferentiableBatch,
  segments: number,
): Gradients {
  const replay = segments > 1 ? replayOf(g, tape.nodes, segments, new Set(parameters)) : undefined;
  return differentiate(g, tape, output, scaled(loss.terms.gradient()), parameters, replay);
}

/** @param clipNorm largest L2 norm of the gradient of one example @param share [B], what each counts */
export function gradientsPerExample(
  g: GraphBuilder,
  { bound, loss, parameters, scaled }: DifferentiableBatch,
  clipNorm: Value,
  share: Value,
): Gradients {
  const { output, target, weight, rule, mass } = loss;
  const [batchSize = 0] = weight.shape;
  const alone = coefficientAlone(g, mass, batchSize);
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
