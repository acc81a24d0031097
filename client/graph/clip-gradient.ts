/**
 * Clipping of the gradient of a batch by its norm. Pascanu et al., ICML 2013, section 3.2: all gradients together are
 * scaled by min(1, C / |g|), with |g| the L2 norm over every parameter.
 */
import type { Value } from './graph.ts';
import type { GraphBuilder } from './graph-builder.ts';

/** Keeps the quotient finite for a gradient of 0; the constant of PyTorch's `clip_grad_norm_`. */
const TINY = 1e-6;

/** @param maxNorm C > 0 @returns the scaled gradients; undefined stays undefined */
export function clipGradient(
  g: GraphBuilder,
  gradients: readonly (Value | undefined)[],
  maxNorm: number,
): (Value | undefined)[] {
  return scaled(g, gradients, (norm) => g.div(g.scalar(maxNorm), g.add(norm, g.scalar(TINY))));
}

/** The same to a norm that is an input, [], C > 0, and never beyond it: a gradient of 0 has C / 0 = infinity above 1. */
export function clipGradientTo(
  g: GraphBuilder,
  gradients: readonly (Value | undefined)[],
  clipNorm: Value,
): (Value | undefined)[] {
  return scaled(g, gradients, (norm) => g.div(clipNorm, norm));
}

function scaled(
  g: GraphBuilder,
  gradients: readonly (Value | undefined)[],
  most: (norm: Value) => Value,
): (Value | undefined)[] {
  const squares = gradients
    .filter((gradient) => gradient !== undefined)
    .map((gradient) => g.total(g.mul(gradient, gradient)));
  const [first, ...rest] = squares;
  if (!first) return [...gradients];
  const norm = g.apply('Sqrt', [rest.reduce((sum, square) => g.add(sum, square), first)]);
  const factor = g.apply('Min', [g.scalar(1), most(norm)]);
  return gradients.map((gradient) => gradient && g.mul(gradient, factor));
}
