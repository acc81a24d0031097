// covers: client/graph/gradients/gradient-rules.ts, client/graph/gradients/gradient-rule.ts, client/graph/gradients/elementwise.ts, client/graph/gradients/activation.ts, client/graph/gradients/linear.ts, client/graph/gradients/normalization.ts, client/graph/gradients/reduce.ts, client/graph/gradients/selection.ts, client/graph/gradients/view.ts, client/graph/gradients/arrange.ts, client/graph/gradients/join.ts, client/graph/gradients/slice.ts, client/graph/gradients/gather.ts, client/graph/gradients/convolution.ts, client/graph/gradients/pooling.ts, client/graph/gradients/trigonometric.ts
/**
 * Every rule against central differences, both in float64.
 */
import { describe, expect, it } from 'vitest';
import { type Attributes, float } from '../../../../client/graph/attribute.ts';
import { differentiate } from '../../../../client/graph/autodiff.ts';
import { differentiableOperators } from '../../../../client/graph/gradients/gradient-rules.ts';
import type { Value } from '../../../../client/graph/graph.ts';
import { GraphBuilder } from '../../../../client/graph/graph-builder.ts';
import { interpret } from '../../../../client/graph/reference/interpreter.ts';
import type { NdArray } from '../../../../client/graph/reference/nd-array.ts';
import type { Operator } from '../../../../client/graph/shapes/shape-rules.ts';
import type { OperatorCase } from '../cases/operator-case.ts';
import { type BothGradients, bothGradients, wholeTape } from '../central-differences.ts';
import { DIFFERENTIABLE_CASES } from '../operator-cases.ts';
import { numbers, uniform, worstDifference } from '../random-arrays.ts';

function compare(operatorCase: OperatorCase): BothGradients {
  const random = numbers(1);
  const g = new GraphBuilder('case');
  const variables = operatorCase.inputs.map((shape, index) => {
    const name = `in${index}`;
    const at = uniform(random, shape, ...operatorCase.range);
    return { name, value: g.input(name, 'float32', shape), at };
  });
  const values = variables.map(({ value }) => value);
  const output = operatorCase.build(g, values);
  return bothGradients(g, wholeTape(g), output, variables, random);
}

describe('gradient rules', () => {
  it.each(DIFFERENTIABLE_CASES.map((one) => [one.name, one] as const))('%s', (_, operatorCase) => {
    const { analytic, numeric } = compare(operatorCase);
    expect(analytic.map(({ shape }) => shape)).toEqual(numeric.map(({ shape }) => shape));
    analytic.forEach(({ data }, index) => {
      expect(worstDifference(data, numeric[index]?.data ?? [])).toBeLessThan(operatorCase.tolerance ?? 1e-8);
    });
  });

  it('has a case for every rule', () => {
    expect([...new Set(DIFFERENTIABLE_CASES.map(({ op }) => op))].sort()).toEqual(differentiableOperators());
  });

  it('would be caught if it were wrong by a tenth', () => {
    const exp = DIFFERENTIABLE_CASES.find(({ op }) => op === 'Exp');
    if (!exp) throw new Error('there is a case for Exp');
    const { analytic, numeric } = compare(exp);
    const right = analytic[0]?.data ?? new Float64Array();
    expect(worstDifference(right, numeric[0]?.data ?? [])).toBeLessThan(1e-8);
    expect(
      worstDifference(
        right.map((value) => 1.1 * value),
        numeric[0]?.data ?? [],
      ),
    ).toBeGreaterThan(0.01);
  });
});

/** The gradients of sum(output) by the inputs, at points where a derivative is a matter of choice. */
function gradientsAt(
  inputs: readonly { shape: number[]; data: number[] }[],
  build: (g: GraphBuilder, inputs: Value[]) => Value,
): number[][] {
  const g = new GraphBuilder('case');
  const values = inputs.map(({ shape }, index) => g.input(`in${index}`, 'float32', shape));
  const output = build(g, values);
  const ones = g.apply('Expand', [g.scalar(1), g.integers(output.shape)]);
  const gradients = differentiate(g, wholeTape(g), output, ones, values);
  const ports = gradients.map((value, index) => ({
    name: `by${index}`,
    value: value ?? g.scalar(Number.NaN),
  }));
  const feeds = inputs.map(({ shape, data }, index): [string, NdArray] => [
    `in${index}`,
    { shape, data: Float64Array.from(data) },
  ]);
  const results = interpret(g.finish(ports), new Map(feeds));
  return ports.map(({ name }) => Array.from(results.get(name)?.data ?? []));
}

function vector(...data: number[]): { shape: number[]; data: number[] } {
  return { shape: [data.length], data };
}

describe('where a derivative is a matter of choice', () => {
  const kinks: [Operator, number, Attributes][] = [
    ['Abs', 0, {}],
    ['Relu', 0, {}],
    ['Elu', 0.5, { alpha: float(0.5) }],
    ['LeakyRelu', 0.25, { alpha: float(0.25) }],
  ];
  it.each(kinks)('%s has slope %s at 0', (op, slope, attributes) => {
    const [by] = gradientsAt([vector(-1, 0, 1)], (g, inputs) => g.apply(op, inputs, attributes));
    expect(by?.[1]).toBe(slope);
    expect(by?.[2]).toBe(1);
  });

  it('the hard sigmoid is flat from its ends on', () => {
    const attributes = { alpha: float(0.5), beta: float(0.5) };
    const [by] = gradientsAt([vector(-1, -0.5, 0.5, 1)], (g, inputs) =>
      g.apply('HardSigmoid', inputs, attributes),
    );
    expect(by).toEqual([0, 0.5, 0.5, 0]);
  });

  it('a value on its bound moves with x, one beyond it with the bound', () => {
    const inputs = [vector(-2, -1, 0, 1, 2, 3), { shape: [], data: [-1] }, { shape: [], data: [1] }];
    const gradients = gradientsAt(inputs, (g, values) => g.apply('Clip', values));
    expect(gradients).toEqual([[0, 1, 1, 1, 0, 0], [1], [2]]);
  });

  it('equal inputs of Max and Min share evenly', () => {
    const inputs = [vector(1, 2, 5), vector(2, 2, 5), vector(0, 1, 5)];
    const [a, b, c] = gradientsAt(inputs, (g, values) => g.apply('Max', values));
    expect([a, b, c]).toEqual([
      [0, 0.5, 1 / 3],
      [1, 0.5, 1 / 3],
      [0, 0, 1 / 3],
    ]);
    const [d, e] = gradientsAt([vector(1, 2), vector(1, 3)], (g, values) => g.apply('Min', values));
    expect([d, e]).toEqual([
      [0.5, 1],
      [0.5, 0],
    ]);
  });

  it('equal elements of ReduceMax and ReduceMin share evenly', () => {
    for (const op of ['ReduceMax', 'ReduceMin'] as const)
      expect(gradientsAt([vector(3, 3, 3, 3)], (g, values) => g.apply(op, values))).toEqual([
        [0.25, 0.25, 0.25, 0.25],
      ]);
    expect(gradientsAt([vector(1, 3, 3)], (g, values) => g.apply('ReduceMax', values))).toEqual([
      [0, 0.5, 0.5],
    ]);
  });

  it('the norm of zeros has gradient 0', () => {
    expect(gradientsAt([vector(0, 0)], (g, values) => g.apply('ReduceL2', values))).toEqual([[0, 0]]);
  });

  it('a product with zeros has the product of the others', () => {
    const product = (g: GraphBuilder, values: Value[]) => g.apply('ReduceProd', values);
    expect(gradientsAt([vector(2, 0, 3)], product)).toEqual([[0, 6, 0]]);
    expect(gradientsAt([vector(0, 0, 3)], product)).toEqual([[0, 0, 0]]);
  });

  it('a power of 0 or with exponent 0 has no infinite slope, nor one by its exponent for bases that are not positive', () => {
    const [byBase, byExponent] = gradientsAt([vector(0, 0, -2, 2), vector(0, 2, 3, 0)], (g, values) =>
      g.apply('Pow', values),
    );
    expect(byBase).toEqual([0, 0, 12, 0]);
    expect(byExponent?.slice(0, 3)).toEqual([0, 0, -0]);
    expect(byExponent?.[3]).toBeCloseTo(Math.log(2), 12);
  });
});
