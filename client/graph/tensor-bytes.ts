/**
 * Elements of tensors as the bytes in which ONNX keeps them: little-endian, one element after the other.
 *
 * A model of half a gigabyte must not be there twice. So float32 values stay in the bytes of the model, at whatever
 * offset the exporter left them: where that is a multiple of 4 they are read through a view, else they are decoded
 * whenever they are asked for. Typed arrays have the byte order of the machine; every platform with WebAssembly is
 * little-endian, and on another one this module refuses to load.
 */
import type { Constant, Shape } from './tensor-type.ts';

if (new Uint8Array(Uint32Array.of(1).buffer)[0] !== 1)
  throw new Error('big-endian platforms are unsupported');

/** Unaligned values are decoded once up to this many bytes, and at every use beyond. */
const COPIED_BYTES = 65_536;

/** Unaligned values are looked at in pieces of so many bytes. */
const PIECE_BYTES = 65_536;

/** Sign aside, the bits of infinity; those of NaN are above, those of every number below. */
const INFINITY_BITS = 0x7f80_0000;

/** @param bytes a multiple of 4; shared where aligned, else copied */
export function floatsOf(bytes: Uint8Array): Float32Array {
  const aligned = bytes.byteOffset % 4 === 0 ? bytes : new Uint8Array(bytes);
  return new Float32Array(aligned.buffer, aligned.byteOffset, aligned.length / 4);
}

/**
 * A float32 tensor in the bytes of a model, which must not change any more.
 * @param bytes 4 for each element of the shape
 */
export function floatTensor(shape: Shape, bytes: Uint8Array): Constant & { readonly dtype: 'float32' } {
  if (bytes.byteOffset % 4 === 0 || bytes.length <= COPIED_BYTES)
    return { dtype: 'float32', shape, data: floatsOf(bytes) };
  return {
    dtype: 'float32',
    shape,
    get data() {
      return floatsOf(bytes);
    },
  };
}

/** The bytes of elements, sharing their memory. */
export function bytesOf({ data }: Constant): Uint8Array {
  return new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
}

/** Position of the first element that is not a number; undefined where there is none. @param bytes of float32 */
export function firstNaN(bytes: Uint8Array): number | undefined {
  return firstFrom(INFINITY_BITS + 1, bytes);
}

/** Position of the first element that is infinite or not a number. @param bytes of float32 */
export function firstNonFinite(bytes: Uint8Array): number | undefined {
  return firstFrom(INFINITY_BITS, bytes);
}

/** The first element whose bits without the sign are at least `least`; looks at unaligned bytes piece by piece. */
function firstFrom(least: number, bytes: Uint8Array): number | undefined {
  const isAligned = bytes.byteOffset % 4 === 0;
  const step = isAligned ? bytes.length : PIECE_BYTES;
  const copy = new Uint8Array(isAligned ? 0 : Math.min(step, bytes.length));
  for (let start = 0; start < bytes.length; start += step) {
    const piece = bytes.subarray(start, start + step);
    if (!isAligned) copy.set(piece);
    const from = isAligned ? piece : copy;
    const words = new Uint32Array(from.buffer, from.byteOffset, piece.length / 4);
    for (let at = 0; at < words.length; at += 1)
      if (((words[at] ?? 0) & 0x7fff_ffff) >= least) return start / 4 + at;
  }
  return undefined;
}
