/**
 * Writes tensors in the safetensors format (https://github.com/huggingface/safetensors): the length of the header as
 * 64-bit integer, the header as JSON padded with spaces to a multiple of 8, then the data; all little-endian.
 */
import { HanseError } from '../../protocol/problem.ts';
import { elementCount, type Shape } from './tensor-type.ts';

export interface NamedTensor {
  readonly name: string;
  readonly shape: Shape;
  /** Row-major. */
  readonly data: Float32Array;
}

const LENGTH_BYTES = 8;

/**
 * Deterministic: tensors lie in the given order.
 * @throws invalidFormat for a name that repeats or that the format reserves; invalidLength
 */
export function encodeSafetensors(tensors: readonly NamedTensor[]): Uint8Array {
  const entries: [name: string, entry: object][] = [];
  const names = new Set(['__metadata__']);
  let end = 0;
  for (const { name, shape, data } of tensors) {
    if (names.has(name))
      throw new HanseError('invalidFormat', { where: `tensor ${name}`, expected: 'a name of its own' });
    names.add(name);
    const expected = elementCount(shape);
    if (data.length !== expected)
      throw new HanseError('invalidLength', { what: `tensor ${name}`, expected, got: data.length });
    const start = end;
    end += 4 * data.length;
    entries.push([name, { dtype: 'F32', shape, data_offsets: [start, end] }]);
  }
  const json = new TextEncoder().encode(JSON.stringify(Object.fromEntries(entries)));
  const headerBytes = Math.ceil(json.length / 8) * 8;
  const bytes = new Uint8Array(LENGTH_BYTES + headerBytes + end);
  const view = new DataView(bytes.buffer);
  view.setBigUint64(0, BigInt(headerBytes), true);
  bytes.fill(0x20, LENGTH_BYTES, LENGTH_BYTES + headerBytes);
  bytes.set(json, LENGTH_BYTES);
  let at = LENGTH_BYTES + headerBytes;
  for (const { data } of tensors)
    for (const value of data) {
      view.setFloat32(at, value, true);
      at += 4;
    }
  return bytes;
}
