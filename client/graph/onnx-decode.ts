/**
 * Tensors and attributes of an ONNX model, from their messages. All of it is attacker-controlled: lengths are
 * compared with what is there, numbers with what JavaScript holds exactly, and everything else is refused.
 */
import { HanseError } from '../../protocol/problem.ts';
import type { Attribute } from './attribute.ts';
import {
  type AttributeProto,
  AttributeProto_AttributeType as AttributeType,
  TensorProto_DataLocation as DataLocation,
  TensorProto_DataType as DataType,
  type TensorProto,
} from './gen/onnx_pb.ts';
import { enforceLimit, type GraphLimits } from './limits.ts';
import { bytesOf, firstNaN, floatTensor } from './tensor-bytes.ts';
import { type Constant, elementCount, type Shape } from './tensor-type.ts';

const textDecoder = new TextDecoder();

/** Throws `graphMalformed`. */
export function malformed(reason: string): never {
  throw new HanseError('graphMalformed', { reason });
}

/** An int64 as a number; refuses those that a number does not hold. */
function safeInteger(value: bigint, where: string): number {
  const number = Number(value);
  return Number.isSafeInteger(number) ? number : malformed(`${where}: ${value} is out of range`);
}

/** Axis lengths of a tensor; refuses negative ones and more axes or elements than the limits permit. */
export function decodeShape(dims: readonly bigint[], where: string, limits: GraphLimits): Shape {
  enforceLimit(limits, 'rank', dims.length);
  const shape = dims.map((dim) => safeInteger(dim, where));
  if (shape.some((length) => length < 0)) malformed(`${where}: negative axis length`);
  enforceLimit(limits, 'elements', elementCount(shape));
  return shape;
}

/** What element types are called, by the numbers of TensorProto.DataType: for messages. */
const ELEMENT_TYPES = [
  'none',
  'float32',
  'uint8',
  'int8',
  'uint16',
  'int16',
  'int32',
  'int64',
  'string',
  'bool',
  'float16',
  'float64',
  'uint32',
  'uint64',
  'complex64',
  'complex128',
  'bfloat16',
];

/** The name of an element type. */
export function elementTypeName(dataType: number): string {
  return ELEMENT_TYPES[dataType] ?? `number ${dataType}`;
}

/** TensorProto.segment: a tensor in parts, of which no exporter ever made use. */
const SEGMENT_FIELD = 3;

/**
 * The elements of a tensor, from raw bytes or from the field of its type. Float32 elements stay where they are, so the
 * message must not change any more. Float64 becomes float32: exporters write scalars that way, to be cast.
 */
export function decodeTensor(tensor: TensorProto, limits: GraphLimits): Constant {
  const where = `tensor ${tensor.name}`;
  if (tensor.dataLocation !== DataLocation.DEFAULT) malformed(`${where}: data outside the file`);
  if (tensor.$unknown?.some(({ no }) => no === SEGMENT_FIELD)) malformed(`${where}: data in segments`);
  const shape = decodeShape(tensor.dims, where, limits);
  const count = elementCount(shape);
  const { rawData, floatData, doubleData, int32Data, int64Data } = tensor;
  const filled = [rawData, int32Data, int64Data, ...floatData, ...doubleData].filter(
    ({ length }) => length > 0,
  );
  if (filled.length > 1) malformed(`${where}: data in several fields`);
  /** The bytes of all elements, from `rawData` or from the field of a type that has the same form. */
  const bytesOfElements = (size: number, packed: readonly Uint8Array[] = []): Uint8Array => {
    const bytes = packed.find(({ length }) => length > 0) ?? rawData;
    if (bytes.length !== count * size)
      malformed(`${where}: ${bytes.length / size} elements for shape [${shape}]`);
    return bytes;
  };
  const listed = <Element>(elements: readonly Element[]): readonly Element[] =>
    elements.length === count
      ? elements
      : malformed(`${where}: ${elements.length} elements for shape [${shape}]`);
  switch (tensor.dataType) {
    case DataType.FLOAT: {
      const bytes = bytesOfElements(4, floatData);
      refuseNaN(bytes, where);
      return floatTensor(shape, bytes);
    }
    case DataType.DOUBLE: {
      const bytes = new Uint8Array(bytesOfElements(8, doubleData));
      const tensor = {
        dtype: 'float32',
        shape,
        data: new Float32Array(new Float64Array(bytes.buffer)),
      } as const;
      refuseNaN(bytesOf(tensor), where);
      return tensor;
    }
    case DataType.INT32: {
      const bytes = int32Data.length > 0 ? undefined : new Uint8Array(bytesOfElements(4));
      const data = bytes ? new Int32Array(bytes.buffer) : Int32Array.from(listed(int32Data));
      return { dtype: 'int32', shape, data };
    }
    case DataType.INT64: {
      const bytes = int64Data.length > 0 ? undefined : new Uint8Array(bytesOfElements(8));
      const data = bytes ? new BigInt64Array(bytes.buffer) : BigInt64Array.from(listed(int64Data));
      return { dtype: 'int64', shape, data };
    }
    case DataType.BOOL: {
      const data = int32Data.length > 0 ? listed(int32Data) : bytesOfElements(1);
      return { dtype: 'bool', shape, data: Uint8Array.from(data, (value) => (value ? 1 : 0)) };
    }
    default: {
      const type = elementTypeName(tensor.dataType);
      return malformed(
        `${where} is ${type}; convert the model to float32, with int32, int64 and bool where needed`,
      );
    }
  }
}

function refuseNaN(bytes: Uint8Array, where: string): void {
  const index = firstNaN(bytes);
  if (index !== undefined) malformed(`${where}: element ${index} is not a number (NaN)`);
}

/** What kinds of attributes are called, by the numbers of AttributeProto.AttributeType: for messages. */
const ATTRIBUTE_TYPES = [
  'no type',
  'a float',
  'an integer',
  'a string',
  'a tensor',
  'a graph',
  'floats',
  'integers',
  'strings',
  'tensors',
  'graphs',
  'a sparse tensor',
  'sparse tensors',
  'a type',
  'types',
];

/** AttributeProto.ref_attr_name: an argument of the function around the node. */
const REFERENCE_FIELD = 21;

/** One attribute of a node. Graphs inside attributes are refused: no permitted operator takes one. */
export function decodeAttribute(proto: AttributeProto, node: string, limits: GraphLimits): Attribute {
  const where = `node ${node}, attribute ${proto.name}`;
  if (proto.$unknown?.some(({ no }) => no === REFERENCE_FIELD))
    malformed(`${where} refers to an argument of a function`);
  for (const { length } of [proto.s, proto.ints, proto.floats]) enforceLimit(limits, 'attribute', length);
  switch (proto.type) {
    case AttributeType.INT:
      return { kind: 'int', value: safeInteger(proto.i, where) };
    case AttributeType.FLOAT:
      if (Number.isNaN(proto.f)) malformed(`${where} is not a number (NaN)`);
      return { kind: 'float', value: proto.f };
    case AttributeType.STRING:
      return { kind: 'string', value: textDecoder.decode(proto.s) };
    case AttributeType.INTS:
      return { kind: 'ints', value: proto.ints.map((value) => safeInteger(value, where)) };
    case AttributeType.FLOATS:
      if (proto.floats.some(Number.isNaN)) malformed(`${where} holds what is not a number (NaN)`);
      return { kind: 'floats', value: [...proto.floats] };
    case AttributeType.TENSOR:
      if (!proto.t) return malformed(`${where}: no tensor`);
      return { kind: 'tensor', value: decodeTensor(proto.t, limits) };
    default:
      return malformed(`${where} is ${ATTRIBUTE_TYPES[proto.type] ?? `of type ${proto.type}`}`);
  }
}
