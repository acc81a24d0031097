/**
 * The tensors that a model brings along: initialisers, and the values of Constant nodes.
 *
 * Float32 tensors may become parameters, so they keep their bytes (`tensor-bytes.ts`). All others are constants: also
 * float64, which exporters use for scalars only, and tensors without elements, which hold the place of an input.
 */
import type { Attribute, Attributes } from '../attribute.ts';
import {
  type AttributeProto,
  TensorProto_DataType as DataType,
  type GraphProto,
  type NodeProto,
  type TensorProto,
} from '../gen/onnx_pb.ts';
import { enforceLimit, type GraphLimits } from '../limits.ts';
import { decodeAttribute, decodeTensor, malformed } from '../onnx-decode.ts';
import { bytesOf } from '../tensor-bytes.ts';
import { type Constant, elementCount, type Shape } from '../tensor-type.ts';

/** A float32 tensor of the model with at least one element. */
export interface FloatTensor {
  /** Of an initialiser, or of the output of a Constant node. */
  readonly name: string;
  readonly shape: Shape;
  /** Within the bytes of the model, at any offset. */
  readonly bytes: Uint8Array;
}

/** What the value of a Constant node may be called, and how it is given. */
const VALUES: ReadonlyMap<string, Attribute['kind']> = new Map([
  ['value', 'tensor'],
  ['value_float', 'float'],
  ['value_floats', 'floats'],
  ['value_int', 'int'],
  ['value_ints', 'ints'],
]);

/** Counts the elements of all tensors together. */
export class TensorReader {
  readonly #limits: GraphLimits;
  #elements = 0;

  constructor(limits: GraphLimits) {
    this.#limits = limits;
  }

  /** Float32 initialisers in their order, and all others by name. */
  initializers(graph: GraphProto): { floats: FloatTensor[]; constants: Map<string, Constant> } {
    const floats: FloatTensor[] = [];
    const constants = new Map<string, Constant>();
    const seen = new Set<string>();
    for (const tensor of graph.initializer) {
      const { name } = tensor;
      if (name === '' || seen.has(name))
        malformed(`initialiser name ${JSON.stringify(name)} is empty or repeats`);
      seen.add(name);
      const constant = decodeTensor(tensor, this.#limits);
      this.#count(constant);
      const bytes = floatBytes(tensor);
      if (bytes) floats.push({ name, shape: constant.shape, bytes });
      else constants.set(name, constant);
    }
    return { floats, constants };
  }

  attributes(protos: readonly AttributeProto[], node: string): Record<string, Attribute> {
    const attributes: Record<string, Attribute> = Object.create(null);
    for (const proto of protos) {
      if (proto.name in attributes) malformed(`node ${node}: attribute ${proto.name} repeats`);
      const attribute = decodeAttribute(proto, node, this.#limits);
      if (attribute.kind === 'tensor') this.#count(attribute.value);
      attributes[proto.name] = attribute;
    }
    return attributes;
  }

  #count({ shape }: Constant): void {
    this.#elements += elementCount(shape);
    enforceLimit(this.#limits, 'parameters', this.#elements);
  }
}

/**
 * The float32 tensor that a Constant node gives, or undefined for one of another type.
 * @param attributes those of the node, decoded
 */
export function constantFloats(
  node: NodeProto,
  attributes: Attributes,
  label: string,
): FloatTensor | undefined {
  const [entry, ...more] = Object.entries(attributes);
  if (!entry || more.length > 0 || VALUES.get(entry[0]) !== entry[1].kind)
    return malformed(`node ${label}: a Constant has one value, a tensor or numbers`);
  const [, attribute] = entry;
  const [output = ''] = node.output;
  switch (attribute.kind) {
    case 'tensor': {
      const tensor = node.attribute[0]?.t;
      const bytes = tensor && floatBytes(tensor);
      return bytes && { name: output, shape: attribute.value.shape, bytes };
    }
    case 'float':
    case 'floats': {
      const shape = attribute.kind === 'float' ? [] : [attribute.value.length];
      const data = Float32Array.from([attribute.value].flat());
      return data.length === 0
        ? undefined
        : { name: output, shape, bytes: bytesOf({ dtype: 'float32', shape, data }) };
    }
    default:
      return undefined;
  }
}

/** Where the elements of a decoded float32 tensor lie; undefined for another type and where there are none. */
function floatBytes({ dataType, rawData, floatData }: TensorProto): Uint8Array | undefined {
  if (dataType !== DataType.FLOAT) return undefined;
  return [rawData, ...floatData].find(({ length }) => length > 0);
}
