/**
 * Elementwise operators that are written as others: sums and means of many, Cast to the type of another value, and
 * forms of Pow and Where that ONNX Runtime does not run.
 */
import type { Value } from '../graph.ts';
import { atMostInputs, floatInput, type LoweringQuery, type LoweringRule } from './lowering-rule.ts';

function sum(query: LoweringQuery): Value {
  const { g, inputs } = query;
  const [first, ...rest] = inputs.map((_, index) => floatInput(query, index));
  return rest.reduce((total, value) => g.add(total, value), first ?? query.input(0));
}

function mean(query: LoweringQuery): Value {
  const { g, inputs } = query;
  return inputs.length === 1 ? floatInput(query, 0) : g.div(sum(query), g.scalar(inputs.length));
}

function castLike(query: LoweringQuery): Value {
  atMostInputs(query, 2);
  const [value, { dtype }] = [query.input(0), query.input(1)];
  return value.dtype === dtype ? value : query.g.cast(value, dtype);
}

/** Exponents may be whole numbers. */
function pow(query: LoweringQuery): Value {
  atMostInputs(query, 2);
  const { g, label } = query;
  const base = floatInput(query, 0);
  const exponent = query.input(1);
  const constant = query.constantInput(1);
  if (exponent.dtype === 'float32') return g.apply('Pow', [base, exponent], {}, label);
  if (exponent.dtype === 'bool') query.fail('exponents are truth values');
  const known =
    constant &&
    g.constant({ dtype: 'float32', shape: constant.shape, data: Float32Array.from(constant.data, Number) });
  return g.apply('Pow', [base, known ?? g.cast(exponent, 'float32')], {}, label);
}

/** ONNX Runtime does not choose between truth values. */
function where(query: LoweringQuery): Value {
  const { g, inputs, attributes, label } = query;
  const [condition, a, b] = inputs;
  if (a?.dtype !== 'bool') return g.apply('Where', inputs, attributes, label);
  atMostInputs(query, 3);
  const left = g.apply('And', [condition, a], {}, label);
  const right = g.apply('And', [g.apply('Not', [condition], {}, label), b], {}, label);
  return g.apply('Or', [left, right], {}, label);
}

export const ELEMENTWISE_LOWERINGS = {
  CastLike: castLike,
  Mean: mean,
  Pow: pow,
  Sum: sum,
  Where: where,
} satisfies Record<string, LoweringRule>;
