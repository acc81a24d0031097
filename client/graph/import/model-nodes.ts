/**
 * The nodes of a model: permitted operators on values that are there, in the form that they have today.
 */
import { HanseError } from '../../../protocol/problem.ts';
import type { ForwardNode } from '../forward-graph.ts';
import { isForwardOperator, supportedOperators } from '../forward-operators.ts';
import type { NodeProto } from '../gen/onnx_pb.ts';
import { enforceLimit, type GraphLimits } from '../limits.ts';
import { malformed } from '../onnx-decode.ts';
import type { Constant } from '../tensor-type.ts';
import { constantFloats, type FloatTensor, type TensorReader } from './model-tensors.ts';
import { normalizeNode } from './normalize-node.ts';
import { nodeLabel, type ValueNames } from './value-names.ts';

export interface NodeSurroundings {
  readonly opset: number;
  readonly names: ValueNames;
  readonly tensors: TensorReader;
  /** Those of the model; arguments that were attributes once are added. */
  readonly constants: Map<string, Constant>;
  readonly limits: GraphLimits;
}

export interface ReadNodes {
  readonly nodes: readonly ForwardNode[];
  /** What Constant nodes give in float32, in their order. */
  readonly floats: readonly FloatTensor[];
}

/** @throws graphMalformed, graphTooLarge, operatorUnsupported */
export function readNodes(protos: readonly NodeProto[], surroundings: NodeSurroundings): ReadNodes {
  const { opset, names, constants } = surroundings;
  const floats: FloatTensor[] = [];
  const nodes = protos.flatMap((proto, index) => {
    const node = readNode(proto, index, surroundings);
    if (node.op === 'Constant') {
      const tensor = constantFloats(proto, node.attributes, node.label);
      if (tensor) floats.push(tensor);
    }
    return normalizeNode(node, {
      opset,
      temporary: () => names.generate(),
      constant: (constant) => {
        const name = names.generate();
        constants.set(name, constant);
        return name;
      },
    });
  });
  return { nodes, floats };
}

function readNode(
  proto: NodeProto,
  index: number,
  { names, tensors, limits }: NodeSurroundings,
): ForwardNode {
  const label = nodeLabel(proto);
  const { opType: op, domain } = proto;
  if ((domain !== '' && domain !== 'ai.onnx') || !isForwardOperator(op)) {
    const operator = domain === '' ? op : `${domain}.${op}`;
    throw new HanseError('operatorUnsupported', { operator, node: label, supported: supportedOperators() });
  }
  enforceLimit(limits, 'nodeValues', Math.max(proto.input.length, proto.output.length));
  const attributes = tensors.attributes(proto.attribute, label);
  const inputs = proto.input.map((name) => (name === '' ? '' : names.require(name, index)));
  if ((proto.output[0] ?? '') === '') malformed(`node ${label} has no output`);
  const outputs = proto.output.map((name) => (name === '' ? '' : names.define(name, `node ${label}`)));
  return { op, label, inputs, outputs, attributes };
}
