/**
 * Gradients of trigonometric and hyperbolic functions and their inverses, d being the gradient by y:
 *
 *   sin x: d cos x               cos x: -d sin x               tan x: d (1 + y^2)
 *   asin x: d / sqrt(1 - x^2)    acos x: -d / sqrt(1 - x^2)    atan x: d / (1 + x^2)
 *   sinh x: d cosh x             cosh x: d sinh x
 *   asinh x: d / sqrt(x^2 + 1)   acosh x: d / sqrt(x^2 - 1)    atanh x: d / (1 - x^2)
 */
import type { Value } from '../graph.ts';
import type { GraphBuilder } from '../graph-builder.ts';
import type { GradientRule } from './gradient-rule.ts';

/** Multiplies by a slope, a function of x. */
function times(slope: (g: GraphBuilder, x: Value) => Value): GradientRule {
  return ({ g, upstream, input }) => [() => g.mul(upstream, slope(g, input(0)))];
}

/** Divides by the inverse of a slope, a function of x^2. */
function over(
  inverse: (g: GraphBuilder, square: Value, one: Value) => Value,
  sign: 1 | -1 = 1,
): GradientRule {
  return ({ g, upstream, input }) => [
    () => {
      const x = input(0);
      const quotient = g.div(upstream, inverse(g, g.mul(x, x), g.scalar(1)));
      return sign === 1 ? quotient : g.apply('Neg', [quotient]);
    },
  ];
}

const root = (g: GraphBuilder, value: Value) => g.apply('Sqrt', [value]);

export const TRIGONOMETRIC_GRADIENTS = {
  Acos: over((g, square, one) => root(g, g.sub(one, square)), -1),
  Acosh: over((g, square, one) => root(g, g.sub(square, one))),
  Asin: over((g, square, one) => root(g, g.sub(one, square))),
  Asinh: over((g, square, one) => root(g, g.add(square, one))),
  Atan: over((g, square, one) => g.add(square, one)),
  Atanh: over((g, square, one) => g.sub(one, square)),
  Cos: times((g, x) => g.apply('Neg', [g.apply('Sin', [x])])),
  Cosh: times((g, x) => g.apply('Sinh', [x])),
  Sin: times((g, x) => g.apply('Cos', [x])),
  Sinh: times((g, x) => g.apply('Cosh', [x])),
  Tan: ({ g, upstream, output }) => [() => g.mul(upstream, g.add(g.mul(output, output), g.scalar(1)))],
} satisfies Record<string, GradientRule>;
