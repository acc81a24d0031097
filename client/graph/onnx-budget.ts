/**
 * What an ONNX model would become in memory, counted before it is decoded. Protocol Buffers, "Encoding".
 *
 * A message of two bytes becomes an object of some hundred, so that a small file can exhaust the memory of whoever
 * decodes it: a limit on nodes that is checked afterwards comes too late. This walks the wire format along the
 * descriptors of ONNX and allocates nothing. Bytes that are kept as bytes - raw data, packed floats - cost nothing here.
 */
import { type DescField, type DescMessage, ScalarType } from '@bufbuild/protobuf';
import { BinaryReader, WireType } from '@bufbuild/protobuf/wire';
import { HanseError } from '../../protocol/problem.ts';
import { ModelProtoSchema } from './gen/onnx_pb.ts';
import { enforceLimit, type GraphLimits } from './limits.ts';
import { malformed } from './onnx-decode.ts';

/** The one text that may be long. */
const COMMENT = 'doc_string';

interface Walk {
  readonly reader: BinaryReader;
  readonly limits: GraphLimits;
  fields: number;
}

/**
 * @param bytes attacker-controlled; what passes may still be no model
 * @throws graphTooLarge, graphMalformed
 */
export function enforceBudget(bytes: Uint8Array, limits: GraphLimits): void {
  try {
    const walk: Walk = { reader: new BinaryReader(bytes), limits, fields: 0 };
    walkMessage(ModelProtoSchema, bytes.length, walk, 0);
  } catch (cause) {
    if (cause instanceof HanseError) throw cause;
    throw new HanseError('graphMalformed', { reason: 'not an ONNX model (protobuf)' }, { cause });
  }
}

function walkMessage(message: DescMessage, end: number, walk: Walk, depth: number): void {
  const { reader, limits } = walk;
  enforceLimit(limits, 'depth', depth);
  const fields = fieldsOf(message);
  while (reader.pos < end) {
    const [number, wireType] = reader.tag();
    walk.fields += 1;
    enforceLimit(limits, 'fields', walk.fields);
    if (wireType === WireType.StartGroup || wireType === WireType.EndGroup) malformed('it holds groups');
    const field = fields.get(number);
    if (field) requireWireType(field, wireType);
    if (wireType !== WireType.LengthDelimited) {
      reader.skip(wireType, number);
      continue;
    }
    const length = reader.uint32();
    const fieldEnd = reader.pos + length;
    if (fieldEnd > end) malformed('a field is longer than what holds it');
    if (field?.message) walkMessage(field.message, fieldEnd, walk, depth + 1);
    else if (field && isNumberList(field)) countNumbers(length, walk);
    else if (field?.scalar === ScalarType.STRING && field.name !== COMMENT)
      enforceLimit(limits, 'text', length);
    reader.pos = fieldEnd;
  }
  if (reader.pos !== end) malformed('a field is longer than what holds it');
}

/** A packed list: one field on the wire, and as many in memory as it has elements, of which none is shorter than a byte. */
function countNumbers(bytes: number, walk: Walk): void {
  walk.fields += bytes;
  enforceLimit(walk.limits, 'fields', walk.fields);
}

/**
 * The decoder reads a field as what its descriptor says, whatever its wire type: where the two differ it would find
 * other fields in the same bytes than are counted here.
 */
function requireWireType(field: DescField, got: WireType): void {
  if (got === WireType.LengthDelimited && isNumberList(field)) return;
  if (got !== wireTypeOf(field)) malformed(`field ${field.name} has wire type ${got}`);
}

function wireTypeOf({ message, enum: enumeration, scalar }: DescField): WireType {
  if (message) return WireType.LengthDelimited;
  if (enumeration) return WireType.Varint;
  switch (scalar) {
    case ScalarType.STRING:
    case ScalarType.BYTES:
      return WireType.LengthDelimited;
    case ScalarType.FLOAT:
    case ScalarType.FIXED32:
    case ScalarType.SFIXED32:
      return WireType.Bit32;
    case ScalarType.DOUBLE:
    case ScalarType.FIXED64:
    case ScalarType.SFIXED64:
      return WireType.Bit64;
    default:
      return WireType.Varint;
  }
}

function isNumberList({ fieldKind, message, scalar }: DescField): boolean {
  return fieldKind === 'list' && !message && scalar !== ScalarType.STRING && scalar !== ScalarType.BYTES;
}

const FIELDS = new WeakMap<DescMessage, ReadonlyMap<number, DescField>>();

function fieldsOf(message: DescMessage): ReadonlyMap<number, DescField> {
  const known = FIELDS.get(message);
  if (known) return known;
  const fields = new Map(message.fields.map((field) => [field.number, field]));
  FIELDS.set(message, fields);
  return fields;
}
