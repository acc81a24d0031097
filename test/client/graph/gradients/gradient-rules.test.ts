// covers: client/graph/gradients/gradient-rules.ts, client/graph/gradients/gradient-rule.ts, client/graph/gradients/elementwise.ts, client/graph/gradients/activation.ts, client/graph/gradients/linear.ts, client/graph/gradients/reduce.ts, client/graph/gradients/view.ts, client/graph/gradients/arrange.ts, client/graph/gradients/join.ts, client/graph/gradients/slice.ts, client/graph/gradients/gather.ts
/**
 * Every rule against central differences, both in float64.
 */
import { describe, expect, it } from 'vitest';
import { differentiate } from '../../../../client/graph/autodiff.ts';
import { differentiableOperators } from '../../../../client/graph/gradients/gradient-rules.ts';
import type { OperatorNode } from '../../../../client/graph/graph.ts';
import { GraphBuilder } from '../../../../client/graph/graph-builder.ts';
import { interpret } from '../../../../client/graph/reference/interpreter.ts';
import type { NdArray } from '../../../../client/graph/reference/nd-array.ts';
import type { OperatorCase } from '../cases/operator-case.ts';
import { DIFFERENTIABLE_CASES } from '../operator-cases.ts';
import { numbers, uniform, worstDifference } from '../random-arrays.ts';

const STEP = 1e-5;

/** The scalar sum(weights * case) and its gradients, as graphs and as central differences. */
function compare(operatorCase: OperatorCase): { analytic: NdArray[]; numeric: NdArray[] } {
  const random = numbers(1);
  const g = new GraphBuilder('case');
  const inputs = operatorCase.inputs.map((shape, index) => g.input(`in${index}`, 'float32', shape));
  const output = operatorCase.build(g, inputs);
  const tape = {
    nodes: g.nodes.filter((node) => node.op !== 'Scan'),
    label: (node: OperatorNode) => node.op,
  };
  const weights = g.input('weights', 'float32', output.shape);
  const total = g.total(g.mul(output, weights));
  const gradients = differentiate(g, tape, output, weights, inputs);
  const graph = g.finish([
    { name: 'total', value: total },
    ...gradients.map((value, index) => ({ name: `by${index}`, value: value ?? total })),
  ]);

  const feeds = new Map([['weights', uniform(random, output.shape, -1, 1)]]);
  operatorCase.inputs.forEach((shape, index) => {
    feeds.set(`in${index}`, uniform(random, shape, ...operatorCase.range));
  });
  const results = interpret(graph, feeds);
  const totalAt = (name: string, array: NdArray) =>
    interpret(graph, new Map(feeds).set(name, array)).get('total')?.data[0] ?? Number.NaN;
  const names = operatorCase.inputs.map((_, index) => `in${index}`);
  const numeric = names.map((name) => {
    const { shape, data } = feeds.get(name) as NdArray;
    const slopes = data.map((value, at) => {
      const up = totalAt(name, { shape, data: data.with(at, value + STEP) });
      const down = totalAt(name, { shape, data: data.with(at, value - STEP) });
      return (up - down) / (2 * STEP);
    });
    return { shape, data: slopes };
  });
  return { analytic: names.map((_, index) => results.get(`by${index}`) as NdArray), numeric };
}

describe('gradient rules', () => {
  it.each(DIFFERENTIABLE_CASES.map((one) => [one.name, one] as const))('%s', (_, operatorCase) => {
    const { analytic, numeric } = compare(operatorCase);
    expect(analytic.map(({ shape }) => shape)).toEqual(numeric.map(({ shape }) => shape));
    analytic.forEach(({ data }, index) => {
      expect(worstDifference(data, numeric[index]?.data ?? [])).toBeLessThan(1e-8);
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
