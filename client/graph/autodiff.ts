/**
 * Reverse-mode automatic differentiation. Griewank and Walther, Evaluating Derivatives, 2nd ed., chapter 3.
 *
 * Walks the nodes of a graph backwards from values whose gradient is known to those whose gradient is asked for,
 * applying one rule per node and adding up where a value was used more than once. Gradients nobody asked for, such
 * as the one by the data, are not built.
 */
import { HanseError } from '../../protocol/problem.ts';
import type { GradientQuery, GradientRule, InputGradient } from './gradients/gradient-rule.ts';
import { differentiableOperators, GRADIENT_RULES } from './gradients/gradient-rules.ts';
import type { OperatorNode, Value } from './graph.ts';
import type { GraphBuilder } from './graph-builder.ts';
import type { Replay } from './recompute.ts';

/** Nodes to differentiate through, and how an error names one of them. */
export interface Tape {
  readonly nodes: readonly OperatorNode[];
  label(node: OperatorNode): string;
  /** Values that count as constants, though they are computed: their gradient is known to be 0, say. */
  readonly stopped?: ReadonlySet<Value>;
  /** Gradients in closed form, by the output of the node whose rule they take the place of. */
  readonly closed?: ReadonlyMap<Value, GradientRule> | undefined;
}

/** Where a gradient reaches an input of a node. */
export interface Arrival {
  readonly query: GradientQuery;
  /** The input, and which one it is. */
  readonly value: Value;
  readonly index: number;
}

export interface Sweep {
  readonly tape: Tape;
  /** The gradients of a scalar by some values. */
  readonly seeds: ReadonlyMap<Value, Value>;
  /** Values that the gradient may be wanted of; all between them and the seeds. */
  readonly dependent: ReadonlySet<Value>;
  /** Called before the gradient by an input is built; where it returns true, that gradient is not built. */
  stopsAt?(arrival: Arrival): boolean;
  /** The node to differentiate in the place of one, with outputs of its own: `recompute.ts`. */
  replay?: Replay | undefined;
}

/**
 * Builds the gradients by `targets` of the scalar whose gradient by `output` is `seed`.
 * @returns one entry per target; undefined where the output does not depend on it
 * @throws gradientUnsupported where an operator without a rule lies on a path from a target to the output
 */
export function differentiate(
  g: GraphBuilder,
  tape: Tape,
  output: Value,
  seed: Value,
  targets: readonly Value[],
  replay?: Replay,
): (Value | undefined)[] {
  const dependent = dependentValues(tape, targets);
  const gradients = sweepBack(g, { tape, seeds: new Map([[output, seed]]), dependent, replay });
  return targets.map((target) => gradients.get(target));
}

/** The gradients by every dependent value that the seeds reach. @throws gradientUnsupported */
export function sweepBack(
  g: GraphBuilder,
  { tape, seeds, dependent, stopsAt, replay }: Sweep,
): ReadonlyMap<Value, Value> {
  const gradients = new Map<Value, Value>(seeds);
  for (const recorded of tape.nodes.toReversed()) {
    const upstreams = recorded.outputs.map((value) =>
      dependent.has(value) ? gradients.get(value) : undefined,
    );
    const upstream = upstreams.find((value) => value !== undefined);
    if (!upstream) continue;
    const node = replay ? replay(recorded, upstream) : recorded;
    const [output] = node.outputs;
    if (!output) continue;
    const input = (index: number) => {
      const value = node.inputs[index];
      if (value === undefined) throw new RangeError(`${node.op} has no input ${index}`);
      return value;
    };
    const query = { g, node, output, upstream, upstreams, input };
    const byInput = inputGradients(tape, query, recorded);
    recorded.inputs.forEach((value, index) => {
      const build = byInput[index];
      if (value === undefined || build === undefined || !dependent.has(value)) return;
      if (stopsAt?.({ query, value, index })) return;
      const sum = gradients.get(value);
      gradients.set(value, sum ? g.add(sum, build()) : build());
    });
  }
  return gradients;
}

/** What the rule of the node gives. @param recorded the node on the tape, for errors @throws gradientUnsupported */
export function inputGradients(
  tape: Tape,
  query: GradientQuery,
  recorded: OperatorNode = query.node,
): readonly (InputGradient | undefined)[] {
  const { op } = query.node;
  const [output] = recorded.outputs;
  const rule = (output && tape.closed?.get(output)) ?? GRADIENT_RULES[op];
  if (rule) return rule(query);
  const supported = differentiableOperators();
  throw new HanseError('gradientUnsupported', { operator: op, node: tape.label(recorded), supported });
}

/** The targets and every value computed from one of them; masks and integers end the path, having no gradient. */
export function dependentValues({ nodes, stopped }: Tape, targets: readonly Value[]): Set<Value> {
  const dependent = new Set<Value>(targets);
  for (const node of nodes)
    if (node.inputs.some((value) => value !== undefined && dependent.has(value)))
      for (const output of node.outputs)
        if (output.dtype === 'float32' && !stopped?.has(output)) dependent.add(output);
  return dependent;
}
