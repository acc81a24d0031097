/**
 * A forward graph at one batch size, built into a larger graph: operators are lowered where they are written
 * as others, and applied otherwise; those whose result is known vanish on the way.
 */
import { HanseError } from '../../protocol/problem.ts';
import type { Tape } from './autodiff.ts';
import type { BindMode } from './bind-mode.ts';
import type { ForwardGraph, ForwardNode, ForwardParameter } from './forward-graph.ts';
import { supportedOperators } from './forward-operators.ts';
import type { GradientRule } from './gradients/gradient-rule.ts';
import type { OperatorNode, Value } from './graph.ts';
import type { GraphBuilder } from './graph-builder.ts';
import { enforceLimit, type GraphLimits } from './limits.ts';
import type { LoweringQuery, LoweringRule } from './lowering/lowering-rule.ts';
import { isLoweredOperator, LOWERING_RULES } from './lowering/lowering-rules.ts';
import { type Constant, elementCount } from './tensor-type.ts';

export interface BoundForward {
  /** The data as the first nodes read them: x, or x widened to int64. */
  readonly input: Value;
  /** The first output. */
  readonly output: Value;
  readonly outputs: readonly { readonly name: string; readonly value: Value }[];
  readonly tape: Tape;
  /** What statistics of the data become by this batch, by the value that they are read from. */
  readonly statistics: ReadonlyMap<Value, Value>;
}

/**
 * Builds the forward graph into `g`.
 * @param x          [batch, ...example], of the element type of the model's input, or int32 for int64
 * @param parameters one per parameter of the model, in order
 * @throws graphMalformed, graphTooLarge, operatorUnsupported where the nodes do not fit together
 */
export function bindForward(
  g: GraphBuilder,
  forward: ForwardGraph,
  x: Value,
  parameters: readonly Value[],
  mode: BindMode,
): BoundForward {
  const { input, limits, opset } = forward;
  const data = input.dtype === 'int64' ? g.cast(x, 'int64') : x;
  const values = new Map<string, Value>([[input.name, data]]);
  forward.parameters.forEach(({ name }, index) => {
    const value = parameters[index];
    if (value) values.set(name, value);
  });
  for (const tensor of forward.frozen) values.set(tensor.name, g.constant(frozenConstant(tensor)));
  for (const [name, constant] of forward.constants) values.set(name, g.constant(constant));
  const known = (name: string) => {
    const value = values.get(name);
    if (value === undefined)
      throw new HanseError('graphMalformed', { reason: `value ${name} is not computed` });
    return value;
  };

  const statistics = new Map<Value, Value>();
  const stopped = new Set<Value>();
  const closed = new Map<Value, GradientRule>();
  const labels = new Map<OperatorNode, string>();
  let activations = 0;
  for (const node of forward.nodes) {
    const inputs = node.inputs.map((name) => (name === '' ? undefined : known(name)));
    const before = g.nodes.length;
    const results = resultsOf(g, node, inputs, { mode, opset, statistics, stopped, closed });
    for (const built of g.nodes.slice(before)) {
      if (built.op === 'Scan') continue;
      labels.set(built, node.label);
      for (const { shape } of built.outputs) activations += enforceSize(shape, limits);
    }
    enforceLimit(limits, 'activations', activations);
    node.outputs.forEach((name, index) => {
      const value = results[index];
      if (name !== '' && value) values.set(name, value);
    });
  }
  const [first = ''] = forward.outputs;
  return {
    input: data,
    output: known(first),
    outputs: forward.outputs.map((name) => ({ name, value: known(name) })),
    tape: { nodes: [...labels.keys()], label: (node) => labels.get(node) ?? node.op, stopped, closed },
    statistics,
  };
}

/** The elements stay where they are until somebody asks for them. */
function frozenConstant(tensor: ForwardParameter): Constant {
  return {
    dtype: 'float32',
    shape: tensor.shape,
    get data() {
      return tensor.data;
    },
  };
}

/** @returns the elements of a tensor that the node computes */
function enforceSize(shape: readonly number[], limits: GraphLimits): number {
  const elements = elementCount(shape);
  enforceLimit(limits, 'rank', shape.length);
  enforceLimit(limits, 'elements', elements);
  return elements;
}

interface Surroundings {
  readonly mode: BindMode;
  readonly opset: number;
  readonly statistics: Map<Value, Value>;
  readonly stopped: Set<Value>;
  readonly closed: Map<Value, GradientRule>;
}

function resultsOf(
  g: GraphBuilder,
  node: ForwardNode,
  inputs: readonly (Value | undefined)[],
  surroundings: Surroundings,
): readonly (Value | undefined)[] {
  const { op, label, attributes } = node;
  if (op === 'Identity') return inputs.slice(0, 1);
  if (isLoweredOperator(op)) {
    const rule: LoweringRule = LOWERING_RULES[op];
    const lowered = rule(loweringQuery(g, node, inputs, surroundings));
    return 'dtype' in lowered ? [lowered] : lowered;
  }
  return g.applyAll(op, inputs, attributes, label);
}

function loweringQuery(
  g: GraphBuilder,
  { op, label, attributes, outputs }: ForwardNode,
  inputs: readonly (Value | undefined)[],
  { mode, opset, statistics, stopped, closed }: Surroundings,
): LoweringQuery {
  const fail = (reason: string): never => {
    throw new HanseError('graphMalformed', { reason: `${op} ${label}: ${reason}` });
  };
  const input = (index: number) => inputs[index] ?? fail(`input ${index} is missing`);
  return {
    g,
    mode,
    label,
    attributes,
    opset,
    outputs: outputs.length,
    inputs,
    input,
    constantInput: (index) => {
      const value = inputs[index];
      return value && g.constantOf(value);
    },
    updateStatistic: (index, next) => void statistics.set(input(index), next),
    stopGradient: (value) => {
      stopped.add(value);
      return value;
    },
    closeGradient: (value, rule) => {
      closed.set(value, rule);
      return value;
    },
    fail,
    unsupported: (what) => {
      const supported = supportedOperators();
      throw new HanseError('operatorUnsupported', { operator: `${op} of ${what}`, node: label, supported });
    },
  };
}
