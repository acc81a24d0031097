// covers: client/graph/reference/interpreter.ts, client/graph/reference/kernel.ts, client/graph/reference/kernels.ts, client/graph/reference/activation-kernels.ts, client/graph/reference/elementwise-kernels.ts, client/graph/reference/linear-kernels.ts, client/graph/reference/normalization-kernels.ts, client/graph/reference/reduce-kernels.ts, client/graph/reference/view-kernels.ts, client/graph/reference/nd-array.ts, client/graph/shapes/shape-rules.ts, client/graph/shapes/activation.ts, client/graph/shapes/elementwise.ts, client/graph/shapes/linear.ts, client/graph/shapes/normalization.ts, client/graph/shapes/reduce.ts, client/graph/shapes/view.ts, client/graph/reference/join-kernels.ts, client/graph/reference/slice-kernels.ts, client/graph/reference/gather-kernels.ts, client/graph/shapes/join.ts, client/graph/shapes/slice.ts, client/graph/shapes/gather.ts, client/graph/reference/window-kernels.ts, client/graph/shapes/convolution.ts, client/graph/shapes/pooling.ts
/**
 * The reference interpreter against ONNX Runtime, operator by operator. ONNX Runtime also infers shapes, so a wrong
 * shape rule of ours does not load.
 */
import { describe, expect, it } from 'vitest';
import { GraphBuilder } from '../../../../client/graph/graph-builder.ts';
import { encodeModel } from '../../../../client/graph/onnx-encode.ts';
import { interpret } from '../../../../client/graph/reference/interpreter.ts';
import { isProblem } from '../../../../protocol/problem.ts';
import type { OperatorCase } from '../cases/operator-case.ts';
import { hasRuntime, load32 } from '../onnx-runtime.ts';
import { DIFFERENTIABLE_CASES, OTHER_CASES } from '../operator-cases.ts';
import { numbers, uniform, worstDifference } from '../random-arrays.ts';

function graphOf(operatorCase: OperatorCase) {
  const g = new GraphBuilder('case');
  const inputs = operatorCase.inputs.map((shape, index) => g.input(`in${index}`, 'float32', shape));
  return g.finish([{ name: 'out', value: operatorCase.build(g, inputs) }]);
}

describe.skipIf(!hasRuntime)('reference interpreter and ONNX Runtime agree', () => {
  it.each([...DIFFERENTIABLE_CASES, ...OTHER_CASES].map((one) => [one.name, one] as const))(
    '%s',
    async (_, operatorCase) => {
      const random = numbers(2);
      const graph = graphOf(operatorCase);
      const feeds = new Map(
        operatorCase.inputs.map((shape, index) => [
          `in${index}`,
          uniform(random, shape, ...operatorCase.range),
        ]),
      );
      const run = await load32(encodeModel(graph));
      const native = (await run(feeds)).get('out') ?? [];
      expect(worstDifference(native, interpret(graph, feeds).get('out')?.data ?? [])).toBeLessThan(1e-6);
    },
  );
});

describe('interpreter', () => {
  it('runs a Scan: state through the steps, the rest stacked', () => {
    const g = new GraphBuilder('sums');
    const factor = g.input('factor', 'float32', []);
    const start = g.input('start', 'float32', [2]);
    const items = g.input('items', 'float32', [2], 'S');
    const body = new GraphBuilder('body', g);
    const state = body.input('state', 'float32', [2]);
    const item = body.input('item', 'float32', [2]);
    const sum = body.add(state, body.mul(item, factor));
    const inner = body.finish([
      { name: 'sum', value: sum },
      { name: 'seen', value: sum },
    ]);
    const [last, seen] = g.scan(inner, [start], [items]);
    if (!last || !seen) throw new Error('a Scan has as many outputs as its body');
    const graph = g.finish([
      { name: 'last', value: last },
      { name: 'seen', value: seen, leadingAxis: 'S' },
    ]);
    const result = interpret(
      graph,
      new Map([
        ['factor', { shape: [], data: Float64Array.of(10) }],
        ['start', { shape: [2], data: Float64Array.of(1, 2) }],
        ['items', { shape: [3, 2], data: Float64Array.of(1, 1, 2, 2, 3, 3) }],
      ]),
    );
    expect(Array.from(result.get('last')?.data ?? [])).toEqual([61, 62]);
    expect(Array.from(result.get('seen')?.data ?? [])).toEqual([11, 12, 31, 32, 61, 62]);
    expect(result.get('seen')?.shape).toEqual([3, 2]);
  });

  it('refuses inputs that are missing or of another shape', () => {
    const [one] = DIFFERENTIABLE_CASES;
    if (!one) throw new Error('there are cases');
    const graph = graphOf(one);
    const good = { shape: [2, 3], data: new Float64Array(6) };
    expect(
      interpret(
        graph,
        new Map([
          ['in0', good],
          ['in1', good],
        ]),
      ).get('out')?.shape,
    ).toEqual([2, 3]);
    const attempts = [
      new Map([['in0', good]]),
      new Map([
        ['in0', good],
        ['in1', { ...good, shape: [6] }],
      ]),
    ];
    for (const feeds of attempts) {
      let problem: unknown;
      try {
        interpret(graph, feeds);
      } catch (error) {
        problem = error;
      }
      expect(isProblem(problem, 'invalidFormat')).toBe(true);
    }
  });
});
