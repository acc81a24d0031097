/**
 * Weight decay, in its two forms: coupled, g + l p, the gradient of an L2 penalty l |p|^2 / 2; and decoupled,
 * p (1 - lr l) beside the step. Loshchilov and Hutter, ICLR 2019. A batch without weight decays nothing.
 */
import type { Value } from '../graph.ts';
import type { GraphBuilder } from '../graph-builder.ts';
import type { StepScalars } from './optimizer-rule.ts';

/** @returns what makes g + l p of a gradient and its parameter; the gradient itself for l = 0 */
export function coupledDecay(
  g: GraphBuilder,
  { active }: StepScalars,
  decay: number,
): (parameter: Value, gradient: Value) => Value {
  if (decay === 0) return (_, gradient) => gradient;
  const strength = g.where(active, g.scalar(decay), g.scalar(0));
  return (parameter, gradient) => g.add(gradient, g.mul(parameter, strength));
}

/** @returns what makes p (1 - lr l) of a parameter; the parameter itself for l = 0 */
export function decoupledDecay(
  g: GraphBuilder,
  { active, learningRate }: StepScalars,
  decay: number,
): (parameter: Value) => Value {
  if (decay === 0) return (parameter) => parameter;
  const kept = g.sub(g.scalar(1), g.mul(learningRate, g.scalar(decay)));
  const factor = g.where(active, kept, g.scalar(1));
  return (parameter) => g.mul(parameter, factor);
}
