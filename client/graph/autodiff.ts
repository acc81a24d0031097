/**
 * Reverse-mode automatic differentiation. Griewank and Walther, Evaluating Derivatives, 2nd ed., chapter 3.
 *
 * Walks the nodes of a graph backwards from values whose gradient is known to those whose gradient is asked for,
 * applying one rule per node and adding up where a value was used more than once. Gradients nobody asked for, such
 * as the one by the data, are not built.
 */
import { HanseError } from '../../protocol/problem.ts';
import { differentiableOperators, GRADIENT_RULES } from './gradients/gradient-rules.ts';
import type { OperatorNode, Value } from './graph.ts';
import type { GraphBuilder } from './graph-builder.ts';

/** Nodes to differentiate through, and how an error names one of them. */
export interface Tape {
  readonly nodes: readonly OperatorNode[];
  label(node: OperatorNode): string;
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
): (Value | undefined)[] {
  const dependent = dependentValues(tape.nodes, targets);
  const gradients = new Map<Value, Value>([[output, seed]]);
  for (const node of tape.nodes.toReversed()) {
    const [result] = node.outputs;
    const upstreams = node.outputs.map((value) => (dependent.has(value) ? gradients.get(value) : undefined));
    const upstream = upstreams.find((value) => value !== undefined);
    if (!upstream || !result) continue;
    const rule = GRADIENT_RULES[node.op];
    if (!rule) {
      const supported = differentiableOperators();
      throw new HanseError('gradientUnsupported', { operator: node.op, node: tape.label(node), supported });
    }
    const input = (index: number) => {
      const value = node.inputs[index];
      if (value === undefined) throw new RangeError(`${node.op} has no input ${index}`);
      return value;
    };
    const byInput = rule({ g, node, output: result, upstream, upstreams, input });
    node.inputs.forEach((value, index) => {
      const build = byInput[index];
      if (value === undefined || build === undefined || !dependent.has(value)) return;
      const sum = gradients.get(value);
      gradients.set(value, sum ? g.add(sum, build()) : build());
    });
  }
  return targets.map((target) => gradients.get(target));
}

/** The targets and every value computed from one of them; masks and integers end the path, having no gradient. */
function dependentValues(nodes: readonly OperatorNode[], targets: readonly Value[]): Set<Value> {
  const dependent = new Set<Value>(targets);
  for (const node of nodes)
    if (node.inputs.some((value) => value !== undefined && dependent.has(value)))
      for (const output of node.outputs) if (output.dtype === 'float32') dependent.add(output);
  return dependent;
}
