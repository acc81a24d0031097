/**
 * Gradients of elementwise operators, d being the gradient by the output y:
 *
 *   a + b: d, d          a - b: d, -d         a b: d b, d a        a / b: d / b, -d y / b
 *   -a: -d               exp a: d y           log a: d / a         sqrt a: d / (2 y)
 *   1 / a: -d y^2        erf a: d 2 / sqrt(pi) exp(-a^2) = d exp(log(2 / sqrt(pi)) - a^2)
 *   a^b: d b a^(b-1) where b is not 0, d y log a where a > 0; else 0
 *
 * Each is summed over the axes along which its operand was broadcast. Floor, Ceil, Round and Sign are constant
 * wherever they have a derivative, so nothing passes through them.
 */
import type { Value } from '../graph.ts';
import { elementCount } from '../tensor-type.ts';
import { type GradientQuery, type GradientRule, sumToShape } from './gradient-rule.ts';

const LOG_TWO_OVER_ROOT_PI = 0.1207822376352452;

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

/** The one number that a value holds, where it is known. */
function constantScalar({ g }: GradientQuery, value: Value): number | undefined {
  const constant = elementCount(value.shape) === 1 ? g.constantOf(value) : undefined;
  return constant?.dtype === 'float32' ? constant.data[0] : undefined;
}

/** The derivative of a^b by a, without the gradient by the output. */
function powerSlope(query: GradientQuery, a: Value, b: Value): Value {
  const { g } = query;
  const exponent = constantScalar(query, b);
  if (exponent === 2) return g.mul(a, b);
  if (exponent !== undefined && exponent !== 0) return g.mul(g.apply('Pow', [a, g.scalar(exponent - 1)]), b);
  const slope = g.mul(g.apply('Pow', [a, g.sub(b, g.scalar(1))]), b);
  // Not 0 times an infinite power of 0.
  return g.where(g.apply('Equal', [b, g.scalar(0)]), g.scalar(0), slope);
}

/** The derivative of y = a^b by b. */
function exponentSlope({ g, output }: GradientQuery, a: Value): Value {
  const positive = g.apply('Greater', [a, g.scalar(0)]);
  return g.mul(output, g.apply('Log', [g.where(positive, a, g.scalar(1))]));
}

const nothing: GradientRule = () => [];

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
  Mul: (query) => {
    const { g, upstream } = query;
    const [a, b] = [query.input(0), query.input(1)];
    // A square: both halves of its gradient at once.
    if (a === b) return [() => g.mul(upstream, g.mul(a, g.scalar(2)))];
    return [
      () => sumToShape(g, g.mul(upstream, b), a.shape),
      () => sumToShape(g, g.mul(upstream, a), b.shape),
    ];
  },
  Div: binary(
    ({ g, upstream }, _, b) => g.div(upstream, b),
    (query, _, b) => negated(query, query.g.div(query.g.mul(query.upstream, query.output), b)),
  ),
  Neg: unary((query) => negated(query, query.upstream)),
  Identity: unary(({ upstream }) => upstream),
  Exp: unary(({ g, upstream, output }) => g.mul(upstream, output)),
  Log: unary(({ g, upstream }, a) => g.div(upstream, a)),
  Reciprocal: unary((query) => {
    const { g, upstream, output } = query;
    return negated(query, g.mul(upstream, g.mul(output, output)));
  }),
  // The factor stands in the exponent, where it takes the place of a sign.
  Erf: unary(({ g, upstream }, a) =>
    g.mul(upstream, g.apply('Exp', [g.sub(g.scalar(LOG_TWO_OVER_ROOT_PI), g.mul(a, a))])),
  ),
  Pow: binary(
    (query, a, b) => query.g.mul(query.upstream, powerSlope(query, a, b)),
    (query, a) => query.g.mul(query.upstream, exponentSlope(query, a)),
  ),
  // Only between float types; whole numbers and truth values end the path.
  Cast: unary(({ upstream }) => upstream),
  Ceil: nothing,
  Floor: nothing,
  Round: nothing,
  Sign: nothing,
  Sqrt: unary(({ g, upstream, output }) => g.div(g.mul(upstream, g.scalar(0.5)), output)),
} satisfies Record<string, GradientRule>;
