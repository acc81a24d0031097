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

/** The elements of a tensor, from raw bytes or from the field of its type. Copies. */
export function decodeTensor(tensor: TensorProto, limits: GraphLimits): Constant {
  const where = `tensor ${tensor.name}`;
  if (tensor.dataLocation !== DataLocation.DEFAULT) malformed(`${where}: data outside the file`);
  const shape = decodeShape(tensor.dims, where, limits);
  const count = elementCount(shape);
  const raw = tensor.rawData.length > 0 ? dataView(tensor.rawData) : undefined;
  const expect = (listed: number, bytesPerElement: number) => {
    const got = raw ? raw.byteLength / bytesPerElement : listed;
    if (got !== count) malformed(`${where}: ${got} elements for shape [${shape}]`);
  };
  switch (tensor.dataType) {
    case DataType.FLOAT: {
      expect(tensor.floatData.length, 4);
      const data = raw ? new Float32Array(count) : Float32Array.from(tensor.floatData);
      // A plain loop: parameters come by the million.
      if (raw) for (let at = 0; at < count; at += 1) data[at] = raw.getFloat32(at * 4, true);
      return { dtype: 'float32', shape, data };
    }
    case DataType.INT32: {
      expect(tensor.int32Data.length, 4);
      const data = raw
        ? Int32Array.from({ length: count }, (_, index) => raw.getInt32(index * 4, true))
        : Int32Array.from(tensor.int32Data);
      return { dtype: 'int32', shape, data };
    }
    case DataType.INT64: {
      expect(tensor.int64Data.length, 8);
      const data = raw
        ? BigInt64Array.from({ length: count }, (_, index) => raw.getBigInt64(index * 8, true))
        : BigInt64Array.from(tensor.int64Data);
      return { dtype: 'int64', shape, data };
    }
    case DataType.BOOL: {
      expect(tensor.int32Data.length, 1);
      const data = raw ? tensor.rawData : tensor.int32Data;
      return { dtype: 'bool', shape, data: Uint8Array.from(data, (value) => (value ? 1 : 0)) };
    }
    default:
      return malformed(`${where}: element type ${tensor.dataType}; float32, int32, int64 and bool are read`);
  }
}

/** One attribute of a node. Graphs inside attributes are refused: no permitted operator takes one. */
export function decodeAttribute(proto: AttributeProto, node: string, limits: GraphLimits): Attribute {
  const where = `node ${node}, attribute ${proto.name}`;
  switch (proto.type) {
    case AttributeType.INT:
      return { kind: 'int', value: safeInteger(proto.i, where) };
    case AttributeType.FLOAT:
      return { kind: 'float', value: proto.f };
    case AttributeType.STRING:
      return { kind: 'string', value: textDecoder.decode(proto.s) };
    case AttributeType.INTS:
      return { kind: 'ints', value: proto.ints.map((value) => safeInteger(value, where)) };
    case AttributeType.FLOATS:
      return { kind: 'floats', value: [...proto.floats] };
    case AttributeType.TENSOR:
      if (!proto.t) return malformed(`${where}: no tensor`);
      return { kind: 'tensor', value: decodeTensor(proto.t, limits) };
    default:
      return malformed(`${where}: attribute type ${proto.type}`);
  }
}

function dataView(bytes: Uint8Array): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}
