/**
 * Nodes of older operator sets in the form that they have today, so that no rule has to know another. ONNX, "Operator
 * Changelog", opsets 7 to 23: arguments that were attributes became inputs, outputs ceased to tell training from use,
 * and Softmax learnt to normalise along a single axis.
 */
import { type Attribute, int, intAttribute } from '../attribute.ts';
import type { ForwardNode } from '../forward-graph.ts';
import { malformed } from '../onnx-decode.ts';
import type { Constant } from '../tensor-type.ts';

export interface Normalization {
  readonly opset: number;
  /** Adds a constant to the graph. @returns its name */
  constant(constant: Constant): string;
  /** A name for a value between nodes. */
  temporary(): string;
}

type Rule = (node: ForwardNode, at: Normalization) => readonly ForwardNode[];

/** Attributes that have become inputs, with the place of the input. */
const MOVED: Readonly<Record<string, Readonly<Record<string, number>>>> = {
  Clip: { min: 1, max: 2 },
  Dropout: { ratio: 1 },
  Pad: { pads: 1, value: 2 },
  ReduceL1: { axes: 1 },
  ReduceL2: { axes: 1 },
  ReduceLogSum: { axes: 1 },
  ReduceLogSumExp: { axes: 1 },
  ReduceMax: { axes: 1 },
  ReduceMean: { axes: 1 },
  ReduceMin: { axes: 1 },
  ReduceProd: { axes: 1 },
  ReduceSum: { axes: 1 },
  ReduceSumSquare: { axes: 1 },
  Slice: { starts: 1, ends: 2, axes: 3 },
  Split: { split: 1 },
  Squeeze: { axes: 1 },
  Unsqueeze: { axes: 1 },
};

const RULES: Readonly<Record<string, Rule>> = {
  BatchNormalization: batchNormalization,
  Cast: cast,
  Dropout: dropout,
  LogSoftmax: softmax,
  Softmax: softmax,
};

/** As numbered by TensorProto.DataType. */
const [FLOAT32, FLOAT64] = [1, 11];

/** The node, or the few that it is written as. Throws `graphMalformed`. */
export function normalizeNode(node: ForwardNode, at: Normalization): readonly ForwardNode[] {
  const moved = Object.hasOwn(MOVED, node.op) ? moveAttributes(node, MOVED[node.op] ?? {}, at) : node;
  const rule = Object.hasOwn(RULES, node.op) ? RULES[node.op] : undefined;
  return rule ? rule(moved, at) : [moved];
}

function moveAttributes(
  node: ForwardNode,
  places: Readonly<Record<string, number>>,
  at: Normalization,
): ForwardNode {
  const attributes = { ...node.attributes };
  const inputs = [...node.inputs];
  for (const [name, place] of Object.entries(places)) {
    const attribute = attributes[name];
    if (!attribute) continue;
    if (inputs[place]) malformed(`node ${node.label}: ${name} both as attribute and as input`);
    while (inputs.length <= place) inputs.push('');
    inputs[place] = at.constant(constantOf(attribute, `node ${node.label}, attribute ${name}`));
    delete attributes[name];
  }
  return { ...node, inputs, attributes };
}

/** Lists as vectors, numbers as scalars. */
function constantOf(attribute: Attribute, where: string): Constant {
  switch (attribute.kind) {
    case 'ints':
      return {
        dtype: 'int64',
        shape: [attribute.value.length],
        data: BigInt64Array.from(attribute.value, BigInt),
      };
    case 'float':
      return { dtype: 'float32', shape: [], data: Float32Array.of(attribute.value) };
    default:
      return malformed(`${where} is neither integers nor a float`);
  }
}

/**
 * Before opset 14 a node with more than one output was one for training, of whose outputs the fourth and fifth are
 * gone; before opset 9 it could normalise each element by itself (`spatial`), which no exporter asked for.
 */
function batchNormalization(node: ForwardNode, { opset }: Normalization): readonly ForwardNode[] {
  if (opset >= 14) return [node];
  const { spatial, is_test: isTest, ...attributes } = node.attributes;
  for (const flag of [spatial, isTest])
    if (flag && !(flag.kind === 'int' && flag.value === 1))
      malformed(
        `node ${node.label}: BatchNormalization of opset ${opset} with spatial or is_test other than 1`,
      );
  const isTraining = node.outputs.slice(1).some((name) => name !== '');
  if (!isTraining) return [{ ...node, attributes }];
  const outputs = node.outputs.slice(0, 3);
  return [{ ...node, outputs, attributes: { ...attributes, training_mode: int(1) } }];
}

/** Before opset 12 a node that gives its mask was one for training; others pass their input on. */
function dropout(node: ForwardNode, { opset, constant }: Normalization): readonly ForwardNode[] {
  const [x = '', ratio = '', training = ''] = node.inputs;
  const isTraining = opset < 12 && training === '' && (node.outputs[1] ?? '') !== '';
  if (!isTraining) return [node];
  const yes = constant({ dtype: 'bool', shape: [], data: Uint8Array.of(1) });
  return [{ ...node, inputs: [x, ratio, yes] }];
}

/** Constants of float64 have become float32, and so does what is computed from them. */
function cast(node: ForwardNode): readonly ForwardNode[] {
  if (intAttribute(node.attributes, 'to', FLOAT32) !== FLOAT64) return [node];
  return [{ ...node, attributes: { ...node.attributes, to: int(FLOAT32) } }];
}

/**
 * Before opset 13 all axes from this one on were normalised as one; of the last axis both mean the same. Otherwise the
 * axes are joined first and parted afterwards.
 */
function softmax(node: ForwardNode, { opset, temporary }: Normalization): readonly ForwardNode[] {
  const axis = intAttribute(node.attributes, 'axis', opset < 13 ? 1 : -1);
  const { label, outputs } = node;
  const [x = ''] = node.inputs;
  if (opset >= 13 || axis === -1 || x === '')
    return [{ ...node, attributes: { ...node.attributes, axis: int(axis) } }];
  const [shape, joined, normal] = [temporary(), temporary(), temporary()];
  return [
    { op: 'Shape', label, inputs: [x], outputs: [shape], attributes: {} },
    { op: 'Flatten', label, inputs: [x], outputs: [joined], attributes: { axis: int(axis) } },
    { ...node, inputs: [joined], outputs: [normal], attributes: { ...node.attributes, axis: int(-1) } },
    { op: 'Reshape', label, inputs: [normal, shape], outputs, attributes: {} },
  ];
}
