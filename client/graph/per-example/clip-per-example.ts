/**
 * The gradient of a batch in which no example has more than its share. Abadi et al., CCS 2016, algorithm 1:
 *
 *   g = sum_i f_i g_i,   f_i = c_i min(1, C / |g_i|),
 *
 * with g_i the gradient of the loss of example i alone and c_i its share of the batch. One backward pass gives the
 * gradients by all activations, in which the examples lie side by side; the parameters are left out of it. Their
 * gradients come afterwards, when the norms and with them the factors are known, from the same activations.
 */

import { intsAttribute } from '../attribute.ts';
import { dependentValues, differentiate, sweepBack, type Tape } from '../autodiff.ts';
import type { GradientQuery } from '../gradients/gradient-rule.ts';
import type { OperatorNode, Value } from '../graph.ts';
import type { GraphBuilder } from '../graph-builder.ts';
import type { ExampleGradient } from './example-gradient.ts';
import { exampleGradient } from './example-gradient-rules.ts';
import { traceExamples, unsupported } from './trace-examples.ts';

export interface ClippedGradientQuery {
  readonly tape: Tape;
  readonly output: Value;
  /** The gradient by the output, of the shape of the output, of the loss of each example alone. */
  readonly seed: Value;
  /** Values whose first axis is the batch: the data and the weights. Masks follow what they are applied to. */
  readonly roots: readonly Value[];
  readonly parameters: readonly Value[];
  readonly batchSize: number;
  /** [], C > 0. */
  readonly clipNorm: Value;
  /** [B], c_i. */
  readonly share: Value;
}

/**
 * @returns one gradient per parameter; undefined where the output does not depend on it
 * @throws perExampleUnsupported where examples are mixed, or where no form of their gradients is known
 */
export function clippedGradients(g: GraphBuilder, query: ClippedGradientQuery): (Value | undefined)[] {
  const { tape, parameters, batchSize } = query;
  if (batchSize === 1) return clippedGradientOfOne(g, query);
  const uses = findUses(g, query);
  const shared = new Map<Value, Use[]>();
  for (const use of uses) shared.set(use.parameter, [...(shared.get(use.parameter) ?? []), use]);

  const norms = [...shared.values()].map((ofParameter) => squaredNorm(g, ofParameter, batchSize));
  const factor = factorOf(g, norms, query);
  if (!factor) return parameters.map(() => undefined);

  const seeds = new Map<Value, Value>();
  for (const { value, gradient } of uses) {
    const sum = seeds.get(value);
    const part = gradient.weightedSum(factor);
    seeds.set(value, sum ? g.add(sum, part) : part);
  }
  const gradients = sweepBack(g, { tape, seeds, dependent: dependentValues(tape, parameters) });
  return parameters.map((parameter) => gradients.get(parameter));
}

/** A batch of one has one gradient, whichever way the model treats the batch axis. */
function clippedGradientOfOne(g: GraphBuilder, query: ClippedGradientQuery): (Value | undefined)[] {
  const { tape, output, seed, parameters } = query;
  const gradients = differentiate(g, tape, output, seed, parameters);
  const squares = gradients.map((gradient) => gradient && g.total(g.mul(gradient, gradient)));
  const factor = factorOf(
    g,
    squares.filter((square) => square !== undefined),
    query,
  );
  const scalar = factor && g.reshape(factor, []);
  return gradients.map((gradient) => gradient && scalar && g.mul(gradient, scalar));
}

/** [B], f_i, from the squared norms by each parameter; undefined where there is none. A norm of 0 gives c_i. */
function factorOf(
  g: GraphBuilder,
  squares: readonly Value[],
  { clipNorm, share }: ClippedGradientQuery,
): Value | undefined {
  const [first, ...rest] = squares;
  if (!first) return undefined;
  const norm = g.apply('Sqrt', [rest.reduce((sum, square) => g.add(sum, square), first)]);
  return g.mul(share, g.apply('Min', [g.scalar(1), g.div(clipNorm, norm)]));
}

/** A place where a parameter meets the examples. */
interface Use {
  readonly parameter: Value;
  /** The parameter, or a view of it. */
  readonly value: Value;
  /** The views from the parameter to the value. */
  readonly views: readonly OperatorNode[];
  readonly gradient: ExampleGradient;
}

function findUses(g: GraphBuilder, query: ClippedGradientQuery): Use[] {
  const { tape, parameters, batchSize } = query;
  const axes = traceExamples(g, tape, query.roots, batchSize);
  const dependent = dependentValues(tape, parameters);
  const producers = new Map(tape.nodes.flatMap((node) => node.outputs.map((output) => [output, node])));
  const arrivals: { readonly query: GradientQuery; readonly value: Value; readonly index: number }[] = [];
  sweepBack(g, {
    tape,
    seeds: new Map([[query.output, query.seed]]),
    dependent,
    stopsAt(arrival) {
      const isShared = !axes.has(arrival.value);
      if (isShared) arrivals.push(arrival);
      return isShared;
    },
  });
  return arrivals.map(({ query: at, value, index }) => {
    const batch = axes.get(at.output);
    const refuse = (reason: string) => unsupported(tape, at.node, reason);
    if (!batch) throw refuse('its output is the same for all examples');
    const junction = { g, tape, query: at, index, batchSize, batch, batchAxisOf: axes.get.bind(axes) };
    const gradient = exampleGradient(junction, value);
    if (!gradient) throw refuse('the gradients of single examples by its parameters are not known');
    return { ...origin(tape, producers, value), value, gradient };
  });
}

/** Operators that arrange all elements of their first input anew: the norm of a gradient is the same on both sides. */
const VIEWS = new Set(['Flatten', 'Identity', 'Reshape', 'Squeeze', 'Transpose', 'Unsqueeze']);

/** The parameter that a shared value is a view of. */
function origin(
  tape: Tape,
  producers: ReadonlyMap<Value, OperatorNode>,
  value: Value,
): Pick<Use, 'parameter' | 'views'> {
  const views: OperatorNode[] = [];
  let parameter = value;
  for (let node = producers.get(parameter); node; node = producers.get(parameter)) {
    const [source] = node.inputs;
    if (!source || !VIEWS.has(node.op))
      throw unsupported(tape, node, 'it computes with parameters before they meet the examples');
    views.unshift(node);
    parameter = source;
  }
  return { parameter, views };
}

/** [B], over all places where one parameter is used: gradients of one place add up before they are squared. */
function squaredNorm(g: GraphBuilder, uses: readonly Use[], batchSize: number): Value {
  const [first, ...rest] = uses;
  if (!first) throw new RangeError('a parameter without uses');
  if (rest.length === 0) return first.gradient.squaredNorm();
  const total = uses
    .map((use) => byParameter(g, use, batchSize))
    .reduce((sum, gradient) => g.add(sum, gradient));
  return g.reduce('ReduceSum', g.mul(total, total), [1], false);
}

/** [B, n], the gradients of single examples in the order of the parameter's elements. */
function byParameter(g: GraphBuilder, { gradient, value, views }: Use, batchSize: number): Value {
  const flat = gradient.materialized();
  let current = g.reshape(flat, [batchSize, ...value.shape]);
  for (const view of views.toReversed()) {
    const source = view.inputs[0]?.shape ?? [];
    if (view.op === 'Transpose') {
      const order = intsAttribute(view.attributes, 'perm') ?? [...source.keys()].reverse();
      const back = source.map((_, axis) => order.indexOf(axis) + 1);
      current = g.transpose(current, [0, ...back]);
    } else current = g.reshape(current, [batchSize, ...source]);
  }
  return g.reshape(current, flat.shape);
}
