import { describe, expect, it } from 'vitest';
import { differentiate } from '../../../client/graph/autodiff.ts';
import type { OperatorNode } from '../../../client/graph/graph.ts';
import { GraphBuilder } from '../../../client/graph/graph-builder.ts';
import { interpret } from '../../../client/graph/reference/interpreter.ts';
import { isProblem } from '../../../protocol/problem.ts';

function tapeOf(g: GraphBuilder) {
  return {
    nodes: g.nodes.filter((node) => node.op !== 'Scan'),
    label: (node: OperatorNode) => `the ${node.op}`,
  };
}

describe('differentiate', () => {
  it('adds up over every use of a value', () => {
    const g = new GraphBuilder('g');
    const x = g.input('x', 'float32', []);
    // x^3 + x^2, gradient 3 x^2 + 2 x.
    const square = g.mul(x, x);
    const y = g.add(g.mul(square, x), square);
    const [gradient] = differentiate(g, tapeOf(g), y, g.scalar(1), [x]);
    const graph = g.finish([{ name: 'gradient', value: gradient ?? x }]);
    const feeds = new Map([['x', { shape: [], data: Float64Array.of(5) }]]);
    expect(interpret(graph, feeds).get('gradient')?.data[0]).toBe(85);
  });

  it('builds no gradient that is not asked for, and gives none where there is no path', () => {
    const g = new GraphBuilder('g');
    const data = g.input('data', 'float32', [2, 3]);
    const weight = g.input('weight', 'float32', [3, 1]);
    const unused = g.input('unused', 'float32', [1]);
    const y = g.apply('MatMul', [data, weight]);
    const before = g.nodes.length;
    const [byWeight, byUnused] = differentiate(g, tapeOf(g), y, y, [weight, unused]);
    expect(byWeight?.shape).toEqual([3, 1]);
    expect(byUnused).toBeUndefined();
    expect(g.nodes.slice(before).map(({ op }) => op)).toEqual(['Gemm']);
  });

  it('stops at masks and integers', () => {
    const g = new GraphBuilder('g');
    const x = g.input('x', 'float32', [2]);
    const mask = g.cast(g.apply('Greater', [x, g.scalar(0)]), 'float32');
    expect(differentiate(g, tapeOf(g), mask, mask, [x])).toEqual([undefined]);
    const y = g.mul(x, mask);
    expect(differentiate(g, tapeOf(g), y, y, [x])[0]?.shape).toEqual([2]);
  });

  it('names the operator, the node and what is supported where a rule is missing', () => {
    const g = new GraphBuilder('g');
    const x = g.input('x', 'float32', [2]);
    const constant = g.apply('Abs', [g.input('data', 'float32', [2])]);
    const fine = g.mul(x, constant);
    expect(differentiate(g, tapeOf(g), fine, fine, [x])[0]?.shape).toEqual([2]);
    const y = g.apply('Abs', [x]);
    // Every operator on floats has a rule; one on truth values stands for those to come.
    const tape = tapeOf(g);
    const nodes = tape.nodes.map((node) => (node.outputs[0] === y ? { ...node, op: 'Or' as const } : node));
    let problem: unknown;
    try {
      differentiate(g, { ...tape, nodes }, y, y, [x]);
    } catch (error) {
      problem = error;
    }
    expect(isProblem(problem, 'gradientUnsupported') && problem.detail).toMatchObject({
      operator: 'Or',
      node: 'the Or',
      supported: expect.arrayContaining(['Relu', 'Gemm']),
    });
  });
});
