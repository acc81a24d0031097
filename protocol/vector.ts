/**
 * Vectors as bytes: a header of 64 bytes, then the payload. SPEC.md 5.1.
 *
 * Models and updates travel and rest in this one form. The header says what the payload is and how long, so that a
 * reader can refuse it before it touches a coordinate, and carries the SHA-256 of parameters. An update has none in its
 * header: who sends it signs the hash of all its bytes, and it rests under that hash.
 *
 * All integers are little-endian. Payloads are read and written through typed arrays, which have the byte order of
 * the machine; every platform with WebAssembly is little-endian, and on another one this module refuses to load.
 */
import { primitives } from '#primitives';
import { HanseError } from './problem.ts';

export const HEADER_BYTES = 64;

/** ASCII "HNSV", read as a little-endian integer. */
const MAGIC = 0x5653_4e48;
const FORMAT_VERSION = 1;
const OFFSET = {
  magic: 0,
  version: 4,
  kind: 6,
  width: 7,
  length: 8,
  secondBlock: 12,
  sha256: 16,
  reserved: 48,
};
const SHA256_BYTES = 32;

/** `parameters`: float32, no second block. `update`: coordinates of the ring, then the second block. */
export type VectorKind = 'parameters' | 'update';

export interface VectorHeader {
  readonly kind: VectorKind;
  /** Bits of an element of the first block: 32 for parameters, 16..32 for an update. */
  readonly width: number;
  /** d: elements of the first block, at least 1. */
  readonly length: number;
  /** Elements of the second block, 32 bits each: 0 for parameters, at least 1 (the weight) for an update. */
  readonly secondBlock: number;
  /** SHA-256 of the payload, 32 bytes, of parameters; zeros of an update. */
  readonly sha256: Uint8Array;
}

/** What a reader is prepared to take. Both limits are inclusive. */
export interface VectorLimits {
  readonly maxLength: number;
  readonly maxSecondBlock: number;
}

if (new Uint8Array(Uint32Array.of(1).buffer)[0] !== 1)
  throw new Error('big-endian platforms are unsupported');

/** Bytes that `length` elements of `width` bits take: packed into whole 32-bit words. */
export function packedBytes(length: number, width: number): number {
  return 4 * Math.ceil((length * width) / 32);
}

/** Bytes of the payload that a header announces. */
export function payloadBytes(header: Pick<VectorHeader, 'length' | 'width' | 'secondBlock'>): number {
  return packedBytes(header.length, header.width) + 4 * header.secondBlock;
}

/** Bytes of a model as a vector, header included. @param parameters d */
export function modelBytes(parameters: number): number {
  return HEADER_BYTES + Float32Array.BYTES_PER_ELEMENT * parameters;
}

/**
 * The 64 bytes of a header.
 * @param fields without a hash, that of an update
 * Throws `updateMalformed` if a field is out of its range.
 */
export function encodeHeader(
  fields: Omit<VectorHeader, 'sha256'> & Partial<VectorHeader>,
): Uint8Array<ArrayBuffer> {
  const header: VectorHeader = { sha256: new Uint8Array(SHA256_BYTES), ...fields };
  if (header.sha256.length !== SHA256_BYTES)
    throw new HanseError('invalidLength', {
      what: 'sha256',
      expected: SHA256_BYTES,
      got: header.sha256.length,
    });
  checkFields(header);
  const bytes = new Uint8Array(HEADER_BYTES);
  const view = new DataView(bytes.buffer);
  view.setUint32(OFFSET.magic, MAGIC, true);
  view.setUint16(OFFSET.version, FORMAT_VERSION, true);
  view.setUint8(OFFSET.kind, header.kind === 'parameters' ? 1 : 2);
  view.setUint8(OFFSET.width, header.width);
  view.setUint32(OFFSET.length, header.length, true);
  view.setUint32(OFFSET.secondBlock, header.secondBlock, true);
  bytes.set(header.sha256, OFFSET.sha256);
  return bytes;
}

/**
 * Parameters as a vector; the caller owns the bytes.
 * @param values [d], d >= 1; not modified. Throws `updateMalformed` if empty.
 */
export async function encodeParameters(values: Float32Array): Promise<Uint8Array<ArrayBuffer>> {
  const payload = bytesOf(values);
  const sha256 = await primitives.sha256(payload);
  const header = encodeHeader({
    kind: 'parameters',
    width: 32,
    length: values.length,
    secondBlock: 0,
    sha256,
  });
  const bytes = new Uint8Array(HEADER_BYTES + payload.length);
  bytes.set(header);
  bytes.set(payload, HEADER_BYTES);
  return bytes;
}

/**
 * Reads a header. Everything here is attacker-controlled: each fixed bit is compared, the sizes are held against
 * `limits` and against the bytes that are really there, and nothing is allocated by a declared size. Left to the
 * caller: whether kind, width and lengths are those it asked for, and whether the payload has the stated hash.
 *
 * @param bytes      the vector, or at least its first 64 bytes
 * @param byteLength size of the whole vector, where `bytes` is only its beginning
 * Throws `updateMalformed` for a wrong field and `invalidLength` for sizes that contradict each other.
 */
export function parseHeader(
  bytes: Uint8Array,
  limits: VectorLimits,
  byteLength: number = bytes.length,
): VectorHeader {
  if (bytes.length < HEADER_BYTES)
    throw new HanseError('invalidLength', {
      what: 'vector header',
      expected: HEADER_BYTES,
      got: bytes.length,
    });
  const view = new DataView(bytes.buffer, bytes.byteOffset, HEADER_BYTES);
  expectField('magic', MAGIC, view.getUint32(OFFSET.magic, true));
  expectField('version', FORMAT_VERSION, view.getUint16(OFFSET.version, true));
  const header: VectorHeader = {
    kind: kindOf(view.getUint8(OFFSET.kind)),
    width: view.getUint8(OFFSET.width),
    length: view.getUint32(OFFSET.length, true),
    secondBlock: view.getUint32(OFFSET.secondBlock, true),
    sha256: bytes.slice(OFFSET.sha256, OFFSET.reserved),
  };
  for (let offset = OFFSET.reserved; offset < HEADER_BYTES; offset += 4)
    expectField('reserved', 0, view.getUint32(offset, true));
  checkFields(header);
  expectAtMost('length', limits.maxLength, header.length);
  expectAtMost('secondBlock', limits.maxSecondBlock, header.secondBlock);
  const expected = HEADER_BYTES + payloadBytes(header);
  if (byteLength !== expected)
    throw new HanseError('invalidLength', { what: 'vector', expected, got: byteLength });
  return header;
}

/** The payload of a whole vector: a view, not a copy. Throws `invalidLength` if there is not even a header. */
export function payloadOf<Buffer extends ArrayBufferLike>(bytes: Uint8Array<Buffer>): Uint8Array<Buffer> {
  if (bytes.length < HEADER_BYTES)
    throw new HanseError('invalidLength', { what: 'vector', expected: HEADER_BYTES, got: bytes.length });
  return bytes.subarray(HEADER_BYTES);
}

/**
 * The float32 values of a `parameters` payload. Shares memory with `payload` where its offset is a multiple of 4,
 * else copies: treat the result as read-only. Throws `invalidLength` if the bytes are not whole values.
 */
export function floatsOf(payload: Uint8Array): Float32Array {
  const aligned = alignedWords(payload);
  return new Float32Array(aligned.buffer, aligned.byteOffset, aligned.length / 4);
}

/** The 32-bit words of a payload, shared or copied as `floatsOf` does. Throws `invalidLength`. */
export function wordsOf(payload: Uint8Array): Uint32Array {
  const aligned = alignedWords(payload);
  return new Uint32Array(aligned.buffer, aligned.byteOffset, aligned.length / 4);
}

/** The bytes of a typed array, sharing its memory: the payload of parameters or of words. */
export function bytesOf<Buffer extends ArrayBufferLike>(
  values: Float32Array<Buffer> | Uint32Array<Buffer>,
): Uint8Array<Buffer> {
  return new Uint8Array(values.buffer, values.byteOffset, values.byteLength);
}

function alignedWords(payload: Uint8Array): Uint8Array {
  if (payload.length % 4 !== 0)
    throw new HanseError('invalidLength', {
      what: 'payload of 32-bit words',
      expected: 4 * Math.ceil(payload.length / 4),
      got: payload.length,
    });
  // Not slice(): a Node Buffer's slice() would alias the unaligned memory.
  return payload.byteOffset % 4 === 0 ? payload : new Uint8Array(payload);
}

function kindOf(code: number): VectorKind {
  if (code === 1) return 'parameters';
  if (code === 2) return 'update';
  throw new HanseError('updateMalformed', { field: 'kind', expected: '1 or 2', got: String(code) });
}

function checkFields(header: VectorHeader): void {
  expectBetween('length', 1, 0xffff_ffff, header.length);
  switch (header.kind) {
    case 'parameters':
      expectField('width', 32, header.width);
      expectField('secondBlock', 0, header.secondBlock);
      return;
    case 'update':
      expectBetween('width', 16, 32, header.width);
      expectBetween('secondBlock', 1, 0xffff_ffff, header.secondBlock);
      if (header.sha256.some((byte) => byte !== 0))
        throw new HanseError('updateMalformed', { field: 'sha256', expected: 'zeros', got: 'another' });
      return;
    default:
      header.kind satisfies never;
  }
}

function expectField(field: string, expected: number, got: number): void {
  if (got !== expected)
    throw new HanseError('updateMalformed', { field, expected: String(expected), got: String(got) });
}

function expectAtMost(field: string, limit: number, got: number): void {
  if (got > limit)
    throw new HanseError('updateMalformed', { field, expected: `at most ${limit}`, got: String(got) });
}

function expectBetween(field: string, min: number, max: number, got: number): void {
  if (!Number.isInteger(got) || got < min || got > max)
    throw new HanseError('updateMalformed', { field, expected: `${min}..${max}`, got: String(got) });
}
