/**
 * Serialises a model into one buffer of exactly its size. Protocol Buffers, "Encoding"; fields in ascending order,
 * unknown ones behind them, as `toBinary` of @bufbuild/protobuf writes them.
 *
 * `toBinary` joins the bytes of a message each time it closes one around them: a tensor would be copied as often as
 * messages are about it. Here large fields are put aside as they are, and copied once.
 */
import { type Message, ScalarType } from '@bufbuild/protobuf';
import { type ReflectMessage, reflect } from '@bufbuild/protobuf/reflect';
import { BinaryWriter, WireType } from '@bufbuild/protobuf/wire';
import { type ModelProto, ModelProtoSchema } from './gen/onnx_pb.ts';

/** From this many bytes on a field is put aside rather than collected with its neighbours. */
const LARGE_BYTES = 1024;

/** The serialised message; equal messages give equal bytes. */
export function writeModel(model: ModelProto): Uint8Array {
  const pieces = piecesOf(reflect(ModelProtoSchema, model, false));
  const bytes = new Uint8Array(pieces.length);
  let at = 0;
  for (const piece of pieces.finish()) {
    bytes.set(piece, at);
    at += piece.length;
  }
  return bytes;
}

/** Bytes in order, of which the large ones are shared with whoever gave them. */
class Pieces {
  readonly #closed: Uint8Array[] = [];
  #open = new BinaryWriter();
  #openLength = 0;
  #closedLength = 0;

  get length(): number {
    return this.#closedLength + this.#openLength;
  }

  add(bytes: Uint8Array): void {
    if (bytes.length >= LARGE_BYTES) {
      this.#close();
      this.#closed.push(bytes);
      this.#closedLength += bytes.length;
    } else if (bytes.length > 0) {
      this.#open.raw(bytes);
      this.#openLength += bytes.length;
    }
  }

  finish(): readonly Uint8Array[] {
    this.#close();
    return this.#closed;
  }

  #close(): void {
    if (this.#openLength > 0) this.#closed.push(this.#open.finish());
    this.#open = new BinaryWriter();
    this.#closedLength += this.#openLength;
    this.#openLength = 0;
  }
}

function piecesOf(message: ReflectMessage): Pieces {
  const pieces = new Pieces();
  const addLengthDelimited = (number: number, content: Pieces) => {
    pieces.add(new BinaryWriter().tag(number, WireType.LengthDelimited).uint32(content.length).finish());
    for (const piece of content.finish()) pieces.add(piece);
  };
  for (const field of message.sortedFields) {
    if (!message.isSet(field)) continue;
    const { number } = field;
    switch (field.fieldKind) {
      case 'message':
        addLengthDelimited(number, piecesOf(message.get(field)));
        break;
      case 'scalar':
        addScalar(pieces, number, field.scalar, message.get(field));
        break;
      case 'enum':
        addScalar(pieces, number, ScalarType.INT32, message.get(field));
        break;
      case 'list': {
        const list: Iterable<unknown> = message.get(field);
        if (field.listKind === 'message')
          for (const item of list as Iterable<ReflectMessage>) addLengthDelimited(number, piecesOf(item));
        else if (field.packed) {
          const writer = new BinaryWriter();
          for (const item of list) writeNumber(writer, field.scalar ?? ScalarType.INT32, item);
          addScalar(pieces, number, ScalarType.BYTES, writer.finish());
        } else for (const item of list) addScalar(pieces, number, field.scalar ?? ScalarType.INT32, item);
        break;
      }
      default:
        throw new Error(`ONNX has no ${field.fieldKind} fields`);
    }
  }
  const unknown = (message.message as Message).$unknown ?? [];
  for (const { no, wireType, data } of unknown) {
    pieces.add(new BinaryWriter().tag(no, wireType).finish());
    pieces.add(data);
  }
  return pieces;
}

function addScalar(pieces: Pieces, number: number, type: ScalarType, value: unknown): void {
  const writer = new BinaryWriter();
  switch (type) {
    case ScalarType.BYTES: {
      const bytes = value as Uint8Array;
      pieces.add(writer.tag(number, WireType.LengthDelimited).uint32(bytes.length).finish());
      pieces.add(bytes);
      return;
    }
    case ScalarType.STRING:
      pieces.add(
        writer
          .tag(number, WireType.LengthDelimited)
          .string(value as string)
          .finish(),
      );
      return;
    case ScalarType.FLOAT:
      writer.tag(number, WireType.Bit32);
      break;
    default:
      writer.tag(number, WireType.Varint);
  }
  writeNumber(writer, type, value);
  pieces.add(writer.finish());
}

/** The numbers that `onnx.proto` has. */
function writeNumber(writer: BinaryWriter, type: ScalarType, value: unknown): void {
  switch (type) {
    case ScalarType.FLOAT:
      writer.float(value as number);
      return;
    case ScalarType.INT32:
      writer.int32(value as number);
      return;
    case ScalarType.INT64:
      writer.int64(value as bigint);
      return;
    default:
      throw new Error(`ONNX has no numbers of type ${type}`);
  }
}
