/**
 * The difference of two vectors of parameters, from which the one gives the other back to the bit. SPEC.md 9.3. Pure.
 *
 *   z = zigzag(order(target) - order(base)) mod 2^32, byte by byte in four planes, each compressed by DEFLATE (RFC 1951)
 *
 * `order` maps the bits of a float32 to an integer so that neighbouring numbers are neighbours, NaN and -0 included. A
 * round moves a parameter by a small share of its size: z is then small, its high bytes nearly all zero and its low ones
 * as good as random, which is why they are kept apart.
 *
 * Blocks of values are coded one by one: neither side holds more than a block beside base, target and difference.
 * Compression is an argument, as platforms have it in different forms.
 */
import { concatBytes } from './bytes.ts';
import { HanseError } from './problem.ts';
import { HEADER_BYTES, parseHeader, payloadOf, type VectorHeader, wordsOf } from './vector.ts';

/** Values of a block; the last one has the rest. */
export const BLOCK_VALUES = 262_144;

/** Bytes of a value, each of which goes into a plane of its own. */
const PLANES = 4;

/** ASCII "HNSD", read as a little-endian integer. */
const MAGIC = 0x4453_4e48;
const FORMAT_VERSION = 1;
/** Magic and version; then come the header of the target and the blocks. */
const PREFIX_BYTES = 8;
const LENGTH_BYTES = 4;

/** DEFLATE without a wrapper; the result is longer than the input where that cannot be helped. */
export type Deflate = (bytes: Uint8Array) => Promise<Uint8Array>;

/** The inverse. Rejects what is no such stream, and what would come to more than `length` bytes. */
export type Inflate = (bytes: Uint8Array, length: number) => Promise<Uint8Array>;

/**
 * What leads from `base` to `target`, or undefined if it would take more than `limitBytes`.
 * @param base   a vector of parameters
 * @param target a vector of as many parameters
 * @throws `updateMalformed`, `invalidLength` if they are not
 */
export async function encodeDelta(
  base: Uint8Array,
  target: Uint8Array,
  deflate: Deflate,
  limitBytes: number,
): Promise<Uint8Array | undefined> {
  const { length } = parametersHeader(base, base.length);
  parametersHeader(target, base.length);
  const [from, to] = [wordsOf(payloadOf(base)), wordsOf(payloadOf(target))];
  const prefix = new Uint8Array(PREFIX_BYTES + HEADER_BYTES);
  new Uint32Array(prefix.buffer, 0, 2).set([MAGIC, FORMAT_VERSION]);
  prefix.set(target.subarray(0, HEADER_BYTES), PREFIX_BYTES);
  const pieces: Uint8Array[] = [prefix];
  let bytes = prefix.length;
  for (let start = 0; start < length; start += BLOCK_VALUES) {
    const end = Math.min(length, start + BLOCK_VALUES);
    const planes = planesOf(from.subarray(start, end), to.subarray(start, end));
    for (const coded of await Promise.all(planes.map((plane) => codePlane(plane, deflate)))) {
      pieces.push(new Uint8Array(Uint32Array.of(coded.length).buffer), coded);
      bytes += LENGTH_BYTES + coded.length;
    }
    if (bytes > limitBytes) return undefined;
  }
  return concatBytes(...pieces);
}

/** Whether these bytes are a difference and not a vector. */
export function isDelta(bytes: Uint8Array): boolean {
  return bytes.length >= PREFIX_BYTES && viewOf(bytes).getUint32(0, true) === MAGIC;
}

/**
 * The vector that a difference makes of `base`. Whether it is the right one shows its hash, which the caller compares.
 * @param delta attacker-controlled; no more memory is taken than the base has
 * @param base  a vector of parameters; not modified
 * @throws `invalidFormat`, `invalidLength`, `updateMalformed` for what is no difference from a vector of this length
 */
export async function decodeDelta(
  delta: Uint8Array,
  base: Uint8Array,
  inflate: Inflate,
): Promise<Uint8Array<ArrayBuffer>> {
  parametersHeader(base, base.length);
  if (!isDelta(delta)) throw malformed('magic HNSD');
  const view = viewOf(delta);
  if (view.getUint32(4, true) !== FORMAT_VERSION) throw malformed(`version ${FORMAT_VERSION}`);
  const header = delta.subarray(PREFIX_BYTES, PREFIX_BYTES + HEADER_BYTES);
  const { length } = parametersHeader(header, base.length);
  const target = new Uint8Array(base.length);
  target.set(header);
  const [from, to] = [wordsOf(payloadOf(base)), wordsOf(payloadOf(target))];
  let offset = PREFIX_BYTES + HEADER_BYTES;
  for (let start = 0; start < length; start += BLOCK_VALUES) {
    const end = Math.min(length, start + BLOCK_VALUES);
    const planes: Uint8Array[] = [];
    for (let plane = 0; plane < PLANES; plane += 1) {
      if (offset + LENGTH_BYTES > delta.length) throw malformed('as many planes as the vector has');
      const coded = view.getUint32(offset, true);
      offset += LENGTH_BYTES;
      if (coded > delta.length - offset) throw malformed('planes that are all there');
      planes.push(await decodePlane(delta.subarray(offset, offset + coded), end - start, inflate));
      offset += coded;
    }
    addPlanes(planes, from.subarray(start, end), to.subarray(start, end));
  }
  if (offset !== delta.length)
    throw new HanseError('invalidLength', { what: 'model delta', expected: offset, got: delta.length });
  return target;
}

/** Four planes, of the lowest bytes first, of one byte a value each. */
export function planesOf(from: Uint32Array, to: Uint32Array): Uint8Array[] {
  const planes = Array.from({ length: PLANES }, () => new Uint8Array(to.length));
  const [lowest, low, high, highest] = planes as [Uint8Array, Uint8Array, Uint8Array, Uint8Array];
  for (let i = 0; i < to.length; i += 1) {
    const difference = (order(to[i] as number) - order(from[i] as number)) | 0;
    const z = (difference << 1) ^ (difference >> 31);
    lowest[i] = z;
    low[i] = z >>> 8;
    high[i] = z >>> 16;
    highest[i] = z >>> 24;
  }
  return planes;
}

function addPlanes(planes: readonly Uint8Array[], from: Uint32Array, to: Uint32Array): void {
  const [lowest, low, high, highest] = planes as [Uint8Array, Uint8Array, Uint8Array, Uint8Array];
  for (let i = 0; i < to.length; i += 1) {
    const z =
      (lowest[i] as number) |
      ((low[i] as number) << 8) |
      ((high[i] as number) << 16) |
      ((highest[i] as number) << 24);
    const difference = (z >>> 1) ^ -(z & 1);
    to[i] = order((order(from[i] as number) + difference) | 0);
  }
}

/** Bits of a float32 to a signed integer in the order of the numbers; its own inverse. */
function order(bits: number): number {
  return bits ^ ((bits >> 31) & 0x7fff_ffff);
}

/** Nothing for zeros alone; as it is where compression does not help. */
async function codePlane(plane: Uint8Array, deflate: Deflate): Promise<Uint8Array> {
  if (plane.every((byte) => byte === 0)) return new Uint8Array(0);
  const deflated = await deflate(plane);
  return deflated.length < plane.length ? deflated : plane;
}

async function decodePlane(coded: Uint8Array, length: number, inflate: Inflate): Promise<Uint8Array> {
  if (coded.length === 0) return new Uint8Array(length);
  if (coded.length === length) return coded;
  if (coded.length > length) throw malformed('no plane longer than its values');
  const plane = await inflate(coded, length).catch((cause: unknown) => {
    throw malformed('planes of DEFLATE', cause);
  });
  if (plane.length !== length) throw malformed('planes of a byte a value');
  return plane;
}

/** @param byteLength of the vector whose header it is */
function parametersHeader(bytes: Uint8Array, byteLength: number): VectorHeader {
  const header = parseHeader(bytes, { maxLength: 0xffff_ffff, maxSecondBlock: 0 }, byteLength);
  if (header.kind !== 'parameters')
    throw new HanseError('updateMalformed', { field: 'kind', expected: 'parameters', got: header.kind });
  return header;
}

function viewOf({ buffer, byteOffset, byteLength }: Uint8Array): DataView {
  return new DataView(buffer, byteOffset, byteLength);
}

function malformed(expected: string, cause?: unknown): HanseError<'invalidFormat'> {
  return new HanseError('invalidFormat', { where: 'model delta', expected }, { cause });
}
