/**
 * Models with something changed in them: bytes, or fields of the message, which stays a message then. For tests that
 * feed the importer what nobody would export.
 */
import { type DescMessage, fromBinary, type Message, toBinary } from '@bufbuild/protobuf';
import { supportedOperators } from '../../../client/graph/forward-operators.ts';
import { ModelProtoSchema } from '../../../client/graph/gen/onnx_pb.ts';
import type { RandomNumbers } from '../../../protocol/random.ts';

/** An integer in 0..count-1. */
function below(random: RandomNumbers, count: number): number {
  return Math.floor(random.unit() * count);
}

function pick<Item>(random: RandomNumbers, items: readonly Item[]): Item {
  return items[below(random, items.length)] as Item;
}

/** One to four times: a bit flipped, a byte replaced, a piece of another model put in, left out or repeated. */
export function mutateBytes(
  model: Uint8Array,
  others: readonly Uint8Array[],
  random: RandomNumbers,
): Uint8Array {
  let bytes = new Uint8Array(model);
  for (let count = 1 + below(random, 4); count > 0; count -= 1) {
    const at = below(random, bytes.length);
    const end = at + below(random, Math.min(64, bytes.length - at));
    switch (below(random, 6)) {
      case 0:
        bytes[at] = (bytes[at] ?? 0) ^ (1 << below(random, 8));
        break;
      case 1:
        bytes[at] = below(random, 256);
        break;
      case 2: {
        const other = pick(random, others);
        const from = below(random, other.length);
        bytes = joined(
          bytes.subarray(0, at),
          other.subarray(from, from + 1 + below(random, 64)),
          bytes.subarray(end),
        );
        break;
      }
      case 3:
        bytes = joined(bytes.subarray(0, at), bytes.subarray(end));
        break;
      case 4:
        bytes = joined(bytes.subarray(0, end), bytes.subarray(at));
        break;
      default:
        bytes = bytes.slice(0, at);
    }
    if (bytes.length === 0) return bytes;
  }
  return bytes;
}

function joined(...parts: readonly Uint8Array[]): Uint8Array<ArrayBuffer> {
  return new Uint8Array(Buffer.concat(parts));
}

const INTEGERS = [
  0n,
  1n,
  -1n,
  2n,
  3n,
  7n,
  64n,
  -(2n ** 63n),
  2n ** 63n - 1n,
  2n ** 31n,
  -(2n ** 31n),
  2n ** 53n,
  2n ** 20n,
];
const FLOATS = [
  0,
  -0,
  1,
  -1,
  1e38,
  -1e38,
  1e-45,
  Number.POSITIVE_INFINITY,
  Number.NEGATIVE_INFINITY,
  Number.NaN,
  0.5,
];

type Fields = Record<string, unknown>;
type Change = (random: RandomNumbers) => void;

/** One to three fields somewhere in the message get another value, one that is awkward or one from elsewhere in it. */
export function mutateFields(model: Uint8Array, random: RandomNumbers): Uint8Array {
  const message = fromBinary(ModelProtoSchema, model);
  for (let count = 1 + below(random, 3); count > 0; count -= 1) {
    const changes: Change[] = [];
    const texts = new Set(['', 'in', ...supportedOperators()]);
    collect(ModelProtoSchema, message, changes, texts);
    pick(random, changes)(random);
  }
  return toBinary(ModelProtoSchema, message);
}

/** Everything that can be changed in a message and in those within it. */
function collect(schema: DescMessage, message: Message, changes: Change[], texts: Set<string>): void {
  const fields = message as unknown as Fields;
  for (const { localName, oneof, fieldKind, message: inner } of schema.fields) {
    const holder = oneof ? (fields[oneof.localName] as Fields) : fields;
    const key = oneof ? 'value' : localName;
    if (oneof && holder.case !== localName) continue;
    const value = holder[key];
    if (fieldKind === 'list') {
      const list = value as unknown[];
      if (inner) for (const item of list) collect(inner, item as Message, changes, texts);
      collectList(list, changes, texts);
    } else if (inner) {
      if (value !== undefined) collect(inner, value as Message, changes, texts);
    } else {
      if (typeof value === 'string') texts.add(value);
      changes.push((random) => {
        holder[key] = otherValue(value, texts, random);
      });
    }
  }
}

function collectList(list: unknown[], changes: Change[], texts: Set<string>): void {
  const isScalar = list.some((item) => typeof item !== 'object');
  for (const text of list) if (typeof text === 'string') texts.add(text);
  if (list.length === 0) return;
  changes.push(
    (random) => void list.splice(below(random, list.length), 1),
    (random) => void list.splice(below(random, list.length), 0, pick(random, list)),
    () => void list.push(list.shift()),
  );
  if (isScalar)
    changes.push((random) => {
      const at = below(random, list.length);
      list[at] = otherValue(list[at], texts, random);
    });
}

function otherValue(value: unknown, texts: ReadonlySet<string>, random: RandomNumbers): unknown {
  switch (typeof value) {
    case 'bigint':
      return random.unit() < 0.5 ? pick(random, INTEGERS) : value + BigInt(below(random, 5) - 2);
    case 'number':
      return pick(random, Number.isInteger(value) ? [0, 1, 2, 3, 4, 6, 7, 9, 10, 11, 16, value + 1] : FLOATS);
    case 'string':
      return pick(random, [...texts]);
    default: {
      const bytes = new Uint8Array(value as Uint8Array);
      if (bytes.length > 0) bytes[below(random, bytes.length)] = below(random, 256);
      return random.unit() < 0.2 ? bytes.subarray(1) : bytes;
    }
  }
}
