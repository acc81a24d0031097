/**
 * Gradients of elementwise operators, d being the gradient by the output y:
 *
 *   a + b: d, d          a - b: d, -d         a b: d b, d a        a / b: d / b, -d y / b
 *   -a: -d               exp a: d y           log a: d / a         sqrt a: d / (2 y)
 *
 * Each is summed over the axes along which its operand was broadcast.
 */
import type { Value } from '../graph.ts';
import { type GradientQuery, type GradientRule, sumToShape } from './gradient-rule.ts';

/** The rule of a binary operator from the two partial gradients at the shape of the output. */
function binary(
  byLeft: (query: GradientQuery, a: Value, b: Value) => Value,
  byRight: (query: GradientQuery, a: Value, b: Value) => Value,
): GradientRule {
  return (query) => {
    const a = query.input(0);
    const b = query.input(1);
    return [
      () => sumToShape(query.g, byLeft(query, a, b), a.shape),
      () => sumToShape(query.g, byRight(query, a, b), b.shape),
    ];
  };
}

function unary(gradient: (query: GradientQuery, a: Value) => Value): GradientRule {
  return (query) => [() => gradient(query, query.input(0))];
}

function negated({ g }: GradientQuery, value: Value): Value {
  return g.apply('Neg', [value]);
}

export const ELEMENTWISE_GRADIENTS = {
  Add: binary(
    ({ upstream }) => upstream,
    ({ upstream }) => upstream,
  ),
  Sub: (query) => {
    const { g, upstream } = query;
    return [
      () => sumToShape(g, upstream, query.input(0).shape),
      // Negated after the sum, where there is less of it.
      () => negated(query, sumToShape(g, upstream, query.input(1).shape)),
    ];
  },
  Mul: binary(
    ({ g, upstream }, _, b) => g.mul(upstream, b),
    ({ g, upstream }, a) => g.mul(upstream, a),
  ),
  Div: binary(
    ({ g, upstream }, _, b) => g.div(upstream, b),
    (query, _, b) => negated(query, query.g.div(query.g.mul(query.upstream, query.output), b)),
  ),
  Neg: unary((query) => negated(query, query.upstream)),
  Identity: unary(({ upstream }) => upstream),
  Exp: unary(({ g, upstream, output }) => g.mul(upstream, output)),
  Log: unary(({ g, upstream }, a) => g.div(upstream, a)),
  Sqrt: unary(({ g, upstream, output }) => g.div(g.mul(upstream, g.scalar(0.5)), output)),
} satisfies Record<string, GradientRule>;
