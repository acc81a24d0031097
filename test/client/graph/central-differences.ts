/**
 * Gradients by differentiation and by central differences, both in float64: for tests that compare them.
 */
import { differentiate, type Tape } from '../../../client/graph/autodiff.ts';
import type { OperatorNode, Value } from '../../../client/graph/graph.ts';
import type { GraphBuilder } from '../../../client/graph/graph-builder.ts';
import { interpret } from '../../../client/graph/reference/interpreter.ts';
import type { NdArray } from '../../../client/graph/reference/nd-array.ts';
import type { RandomNumbers } from '../../../protocol/random.ts';
import { uniform } from './random-arrays.ts';

const STEP = 1e-5;

/** A value to differentiate by: an input of the graph, and where to do it. */
export interface Variable {
  readonly name: string;
  readonly value: Value;
  readonly at: NdArray;
}

/** One array per variable, of its shape; zeros where no gradient flows. */
export interface BothGradients {
  readonly analytic: readonly NdArray[];
  readonly numeric: readonly NdArray[];
}

/** Every node of the builder so far. */
export function wholeTape(g: GraphBuilder): Tape {
  return { nodes: g.nodes.filter((node) => node.op !== 'Scan'), label: (node: OperatorNode) => node.op };
}

/** The gradients of sum(weights * output) by the variables, the weights being drawn at random. */
export function bothGradients(
  g: GraphBuilder,
  tape: Tape,
  output: Value,
  variables: readonly Variable[],
  random: RandomNumbers,
): BothGradients {
  const weights = g.input('weights', 'float32', output.shape);
  const total = g.total(g.mul(output, weights));
  const values = variables.map(({ value }) => value);
  const gradients = differentiate(g, tape, output, weights, values);
  const ports = gradients.flatMap((value, index) => (value ? [{ name: `by${index}`, value }] : []));
  const graph = g.finish([{ name: 'total', value: total }, ...ports]);

  const feeds = new Map([['weights', uniform(random, output.shape, -1, 1)]]);
  for (const { name, at } of variables) feeds.set(name, at);
  const results = interpret(graph, feeds);
  const totalAt = (name: string, array: NdArray) =>
    interpret(graph, new Map(feeds).set(name, array)).get('total')?.data[0] ?? Number.NaN;
  const numeric = variables.map(({ name, at: { shape, data } }) => {
    const slopes = data.map((value, at) => {
      const up = totalAt(name, { shape, data: data.with(at, value + STEP) });
      const down = totalAt(name, { shape, data: data.with(at, value - STEP) });
      return (up - down) / (2 * STEP);
    });
    return { shape, data: slopes };
  });
  const analytic = variables.map(
    ({ at: { shape, data } }, index) =>
      results.get(`by${index}`) ?? { shape, data: new Float64Array(data.length) },
  );
  return { analytic, numeric };
}
