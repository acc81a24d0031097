/**
 * One batch of examples as a JSON file: {"x": {"shape", "dtype", "base64"}, "target": {...}}, the base64 holding
 * row-major little-endian elements of type float32, int32 or int64.
 */
import { type Static, Type } from 'typebox';
import { fromBase64 } from '../../protocol/bytes.ts';
import { parse } from '../../protocol/parse.ts';
import { HanseError } from '../../protocol/problem.ts';
import { readDataFile } from '../data/data-file.ts';
import type { Tensor } from '../engine/provider.ts';
import type { TensorSpec } from '../graph/compiled.ts';
import { elementCount } from '../graph/tensor-type.ts';

const FileTensor = Type.Object({
  shape: Type.Array(Type.Integer({ minimum: 1 }), { minItems: 1, maxItems: 8 }),
  dtype: Type.Union([Type.Literal('float32'), Type.Literal('int32'), Type.Literal('int64')]),
  base64: Type.String(),
});
type FileTensor = Static<typeof FileTensor>;

const BatchFile = Type.Object({ x: FileTensor, target: FileTensor });

export interface FileBatch {
  /** B, the first axis of both tensors. */
  readonly size: number;
  readonly x: FileTensor;
  readonly target: FileTensor;
}

/** @throws dataFileMissing, dataMalformed, dataShapeMismatch */
export async function readBatchFile(file: string): Promise<FileBatch> {
  const text = new TextDecoder().decode(await readDataFile(file));
  const { x, target } = parseBatch(text, file);
  const [size = 0] = x.shape;
  const [targets = 0] = target.shape;
  if (targets !== size)
    throw new HanseError('dataShapeMismatch', {
      what: `targets in ${file}`,
      expected: `${size}`,
      got: `${targets}`,
    });
  return { size, x, target };
}

/**
 * The elements as the tensor that a graph takes: integers in its type, axes of length 1 as the graph has them.
 * @throws dataMalformed, dataShapeMismatch
 */
export function tensorFor(spec: TensorSpec, { shape, dtype, base64 }: FileTensor, what: string): Tensor {
  const axes = (lengths: readonly number[]) => lengths.filter((length) => length !== 1).join();
  const isFraction = dtype === 'float32' && spec.type === 'int32';
  if (axes(shape) !== axes(spec.shape) || isFraction) {
    const expected = `${spec.type} [${spec.shape}]`;
    throw new HanseError('dataShapeMismatch', { what, expected, got: `${dtype} [${shape}]` });
  }
  const bytes = fromBase64(base64);
  const width = dtype === 'int64' ? 8 : 4;
  const count = elementCount(shape);
  if (bytes?.length !== count * width) {
    const reason = `base64 of ${count * width} bytes is expected`;
    throw new HanseError('dataMalformed', { file: what, reason });
  }
  const elements = decodeElements(dtype, bytes, what);
  return spec.type === 'float32'
    ? { type: spec.type, shape: spec.shape, data: Float32Array.from(elements) }
    : { type: spec.type, shape: spec.shape, data: Int32Array.from(elements) };
}

export interface PermittedLabels {
  /** 0..classes-1 */
  readonly classes: number;
  /** May stand beside those. */
  readonly ignored: number | undefined;
}

/** @throws dataMalformed for a label that is not permitted */
export function requireLabels(labels: Tensor, { classes, ignored }: PermittedLabels, what: string): void {
  for (const label of labels.data)
    if (!(label >= 0 && label < classes) && label !== ignored) {
      const beside = ignored === undefined ? '' : ` and not the ignored ${ignored}`;
      const reason = `label ${label} is not in 0..${classes - 1}${beside}`;
      throw new HanseError('dataMalformed', { file: what, reason });
    }
}

function parseBatch(text: string, file: string): Static<typeof BatchFile> {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (cause) {
    throw new HanseError('dataMalformed', { file, reason: 'it is not JSON' }, { cause });
  }
  return parse(BatchFile, value, file);
}

function decodeElements(dtype: FileTensor['dtype'], bytes: Uint8Array, what: string): ArrayLike<number> {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const count = bytes.length / (dtype === 'int64' ? 8 : 4);
  switch (dtype) {
    case 'float32':
      return Float32Array.from({ length: count }, (_, i) => view.getFloat32(i * 4, true));
    case 'int32':
      return Int32Array.from({ length: count }, (_, i) => view.getInt32(i * 4, true));
    case 'int64':
      return Int32Array.from({ length: count }, (_, i) => smallInteger(view.getBigInt64(i * 8, true), what));
    default:
      dtype satisfies never;
      throw new Error('unreachable');
  }
}

function smallInteger(value: bigint, what: string): number {
  if (BigInt.asIntN(32, value) !== value)
    throw new HanseError('dataMalformed', { file: what, reason: `integer ${value} is out of range` });
  return Number(value);
}
