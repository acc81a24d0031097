/**
 * IDX, the format of the MNIST files: a header of big-endian integers, then the values, row-major.
 * Source: Y. LeCun, C. Cortes, C. Burges, "The MNIST database of handwritten digits", section "File formats".
 *
 *   offset 0   0, 0, type of the values, number of dimensions d
 *   offset 4   d sizes, uint32 each
 *   then       the values
 *
 * Read strictly: unsigned bytes and 32-bit floats only, a known number of bytes to the last one. Files come from
 * outside, so sizes are checked before anything is allocated. Pure; `idx-file.ts` reads from a disk.
 */
import { HanseError } from '../../protocol/problem.ts';
import { elementCount } from '../graph/tensor-type.ts';

const TYPES = { 8: 'uint8', 13: 'float32' } as const;
const BYTES = { uint8: 1, float32: 4 } as const;
const MAX_DIMENSIONS = 8;
/** 2^31 values in a file. */
const MAX_VALUES = 2_147_483_648;
/** 2^26 values of one row, 256 MiB as the numbers they become: no example that can be trained on is larger. */
const IDX_ROW_VALUES_MAX = 67_108_864;
/** No header is longer. */
export const IDX_HEADER_BYTES_MAX = 4 + 4 * MAX_DIMENSIONS;

export interface IdxHeader {
  readonly type: 'uint8' | 'float32';
  /** At least one dimension; the first counts the rows. */
  readonly shape: readonly number[];
  /** Where the values begin. */
  readonly headerBytes: number;
  /** Size of one row, that is of everything but the first dimension. */
  readonly rowBytes: number;
  /** Header and values together: exactly the length of the file. */
  readonly totalBytes: number;
}

export interface IdxArray {
  readonly shape: readonly number[];
  readonly data: Uint8Array | Float32Array;
}

/**
 * Reads the header from the first bytes of a file.
 *
 * @param bytes attacker-controlled; at least the header, may go on after it
 * @param file for error messages
 * Throws `dataMalformed`.
 */
export function parseIdxHeader(bytes: Uint8Array, file: string): IdxHeader {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  if (bytes.length < 4 || view.getUint16(0) !== 0)
    throw malformed(file, 'it does not begin like an IDX file');
  const type = TYPES[view.getUint8(2) as keyof typeof TYPES];
  if (type === undefined) throw malformed(file, `values of type ${view.getUint8(2)}; known are 8 and 13`);
  const dimensions = view.getUint8(3);
  if (dimensions < 1 || dimensions > MAX_DIMENSIONS) throw malformed(file, `${dimensions} dimensions`);
  const headerBytes = 4 + 4 * dimensions;
  if (bytes.length < headerBytes) throw malformed(file, 'it ends within its header');

  const shape = Array.from({ length: dimensions }, (_, axis) => view.getUint32(4 + 4 * axis));
  const rowValues = elementCount(shape.slice(1));
  const values = rowValues * (shape[0] ?? 0);
  // Rows of nothing cost nothing on the disk: a header alone could promise four thousand million of them.
  if (rowValues === 0 && shape[0] !== 0) throw malformed(file, `shape ${shape.join(' x ')}`);
  if (values > MAX_VALUES) throw malformed(file, `shape ${shape.join(' x ')}`);
  if (rowValues > IDX_ROW_VALUES_MAX)
    throw malformed(file, `rows of ${rowValues} values; at most ${IDX_ROW_VALUES_MAX} are read`);
  const rowBytes = rowValues * BYTES[type];
  return { type, shape, headerBytes, rowBytes, totalBytes: headerBytes + values * BYTES[type] };
}

/** Throws `dataMalformed` unless the file is exactly as long as its header says. */
export function checkIdxLength(header: IdxHeader, got: number, file: string): void {
  if (got !== header.totalBytes) {
    throw malformed(file, `${got} bytes where the header promises ${header.totalBytes}`);
  }
}

/** The values of whole rows, copied out of `bytes`. */
export function decodeIdxValues(header: IdxHeader, bytes: Uint8Array): Uint8Array | Float32Array {
  if (header.type === 'uint8') return bytes.slice();
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  return Float32Array.from({ length: bytes.length / BYTES.float32 }, (_, i) => view.getFloat32(4 * i));
}

/**
 * Images as a network reads them: bytes become i/255 in [0, 1], floats stay as they are.
 *
 * @param form `flat` makes each image one vector; `image` keeps [channels = 1, height, width] for two dimensions
 */
export function idxImages(
  { shape, data }: IdxArray,
  form: 'flat' | 'image',
): { inputShape: number[]; features: Float32Array } {
  const size = shape.slice(1);
  const inputShape = form === 'flat' ? [elementCount(size)] : size.length === 2 ? [1, ...size] : size;
  return { inputShape, features: data instanceof Uint8Array ? unitInterval(data) : data };
}

/** Class labels: one dimension of bytes. Throws `dataMalformed`. */
export function idxLabels({ shape, data }: IdxArray, file: string): Int32Array {
  if (shape.length !== 1 || !(data instanceof Uint8Array)) throw malformed(file, 'it does not hold labels');
  return new Int32Array(data);
}

function unitInterval(bytes: Uint8Array): Float32Array {
  const values = new Float32Array(bytes.length);
  for (let i = 0; i < bytes.length; i += 1) values[i] = (bytes[i] as number) / 255;
  return values;
}

function malformed(file: string, reason: string): HanseError<'dataMalformed'> {
  return new HanseError('dataMalformed', { file, reason });
}
