/**
 * A model as its author wrote it: one input whose first axis is the batch, parameters, and operators by name.
 *
 * The batch axis may be free. `bindForward` gives it a length and thereby every value its shape; the compiled
 * artefacts are made of bound graphs.
 */
import { HanseError } from '../../protocol/problem.ts';
import type { Attributes } from './attribute.ts';
import type { Tape } from './autodiff.ts';
import { FOLDED_OPERATORS, foldShapes } from './fold-shapes.ts';
import type { ModelProto } from './gen/onnx_pb.ts';
import type { OperatorNode, Value } from './graph.ts';
import type { GraphBuilder } from './graph-builder.ts';
import { enforceLimit, type GraphLimits } from './limits.ts';
import { isOperator, type Operator, operatorNames } from './shapes/shape-rules.ts';
import { type Constant, elementCount, type Shape } from './tensor-type.ts';

export interface ForwardParameter {
  readonly name: string;
  readonly shape: Shape;
  /** Row-major; not to be modified. */
  readonly data: Float32Array;
}

export type ForwardOperator = Operator | (typeof FOLDED_OPERATORS)[number];

export interface ForwardNode {
  readonly op: ForwardOperator;
  /** Names the node in errors. */
  readonly label: string;
  /** Names of values; empty where an optional input is left out. */
  readonly inputs: readonly string[];
  readonly output: string;
  readonly attributes: Attributes;
}

export interface ForwardInput {
  readonly name: string;
  /** The length of the batch axis; undefined where it is free. */
  readonly batch: number | undefined;
  /** The shape of one example. */
  readonly example: Shape;
}

export interface ForwardGraph {
  /** The message it was read from, for export; not to be modified. */
  readonly model: ModelProto;
  readonly input: ForwardInput;
  /** The float32 initialisers, in the order of the model. */
  readonly parameters: readonly ForwardParameter[];
  /** All other initialisers. */
  readonly constants: ReadonlyMap<string, Constant>;
  /** In an order in which each can run. */
  readonly nodes: readonly ForwardNode[];
  /** The first output is the one that losses compare with the target. */
  readonly outputs: readonly string[];
  readonly limits: GraphLimits;
}

/** A forward graph at one batch size, built into a larger graph. */
export interface BoundForward {
  /** The first output. */
  readonly output: Value;
  readonly outputs: readonly { readonly name: string; readonly value: Value }[];
  readonly tape: Tape;
}

/** What a model may be made of, in alphabetical order. */
export function supportedOperators(): string[] {
  return [...operatorNames(), ...FOLDED_OPERATORS].sort();
}

export function isForwardOperator(name: string): name is ForwardOperator {
  return isOperator(name) || FOLDED_OPERATORS.some((folded) => folded === name);
}

/** @throws manifestInvalid unless the batch size is a positive integer that the model takes */
export function requireBatchSize(forward: ForwardGraph, batchSize: number): void {
  const { batch } = forward.input;
  const refuse = (reason: string) => new HanseError('manifestInvalid', { where: 'batchSize', reason });
  if (!Number.isSafeInteger(batchSize) || batchSize < 1)
    throw refuse(`${batchSize} is not a positive integer`);
  if (batch !== undefined && batch !== batchSize)
    throw refuse(`the batch axis of the model is fixed at ${batch}; export it with a free one`);
}

/**
 * Builds the forward graph into `g`.
 * @param x          [batch, ...example]
 * @param parameters one per parameter of the model, in order
 * @throws graphMalformed, graphTooLarge, operatorUnsupported where the nodes do not fit together
 */
export function bindForward(
  g: GraphBuilder,
  forward: ForwardGraph,
  x: Value,
  parameters: readonly Value[],
): BoundForward {
  const values = new Map<string, Value>([[forward.input.name, x]]);
  forward.parameters.forEach(({ name }, index) => {
    const value = parameters[index];
    if (value) values.set(name, value);
  });
  for (const [name, constant] of forward.constants) values.set(name, g.constant(constant));
  const known = (name: string) => {
    const value = values.get(name);
    if (value === undefined)
      throw new HanseError('graphMalformed', { reason: `value ${name} is not defined` });
    return value;
  };

  const labels = new Map<Value, string>();
  let activations = 0;
  for (const node of forward.nodes) {
    const inputs = node.inputs.map((name) => (name === '' ? undefined : known(name)));
    const folded = foldShapes(node, inputs, (value) => g.constantOf(value));
    const given = node.op === 'Identity' ? inputs[0] : folded && g.constant(folded);
    const value = given ?? applyNode(g, node, inputs, forward.limits);
    if (!given) {
      labels.set(value, node.label);
      activations += elementCount(value.shape);
      enforceLimit(forward.limits, 'activations', activations);
    }
    values.set(node.output, value);
  }
  const [first = ''] = forward.outputs;
  return {
    output: known(first),
    outputs: forward.outputs.map((name) => ({ name, value: known(name) })),
    tape: tapeOf(g, labels),
  };
}

/** The nodes whose outputs have labels. */
function tapeOf(g: GraphBuilder, labels: ReadonlyMap<Value, string>): Tape {
  const label = ({ outputs: [output] }: OperatorNode) => output && labels.get(output);
  return {
    nodes: g.nodes.filter((node) => node.op !== 'Scan').filter((node) => label(node) !== undefined),
    label: (node) => label(node) ?? node.op,
  };
}

function applyNode(
  g: GraphBuilder,
  node: ForwardNode,
  inputs: readonly (Value | undefined)[],
  limits: GraphLimits,
): Value {
  if (!isOperator(node.op))
    throw new HanseError('operatorUnsupported', {
      operator: `${node.op} (of anything but shapes)`,
      node: node.label,
      supported: supportedOperators(),
    });
  const value = g.apply(node.op, inputs, node.attributes, node.label);
  enforceLimit(limits, 'rank', value.shape.length);
  enforceLimit(limits, 'elements', elementCount(value.shape));
  return value;
}
