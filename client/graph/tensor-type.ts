/**
 * Element types, shapes and constants of the graphs that Hanse builds: the part of ONNX's type system it computes in.
 *
 * Shapes are concrete lists of axis lengths. The batch axis of a forward graph becomes a number when the graph is
 * bound to a batch size (`forward-graph.ts`), so nothing beyond that point needs symbolic arithmetic.
 */

export type DType = 'float32' | 'int32' | 'int64' | 'bool';

export type Shape = readonly number[];

export interface TensorType {
  readonly dtype: DType;
  readonly shape: Shape;
}

/** A tensor whose elements are known when the graph is built; row-major, one element per entry of `data`. */
export type Constant =
  | { readonly dtype: 'float32'; readonly shape: Shape; readonly data: Float32Array }
  | { readonly dtype: 'int32'; readonly shape: Shape; readonly data: Int32Array }
  | { readonly dtype: 'int64'; readonly shape: Shape; readonly data: BigInt64Array }
  | { readonly dtype: 'bool'; readonly shape: Shape; readonly data: Uint8Array };

/** Product of the axis lengths; 1 for a scalar. */
export function elementCount(shape: Shape): number {
  let count = 1;
  for (const length of shape) count *= length;
  return count;
}

const ELEMENT_BYTES: Readonly<Record<DType, number>> = { float32: 4, int32: 4, int64: 8, bool: 1 };

/** Memory of a tensor of this type, in bytes. */
export function byteCount({ dtype, shape }: TensorType): number {
  return elementCount(shape) * ELEMENT_BYTES[dtype];
}

export function sameShape(a: Shape, b: Shape): boolean {
  return a.length === b.length && a.every((length, axis) => length === b[axis]);
}

/** The length of one axis; negative axes count from the end. Throws RangeError where there is no such axis. */
export function axisLength(shape: Shape, axis: number): number {
  const length = shape.at(axis);
  if (length === undefined) throw new RangeError(`axis ${axis} of shape [${shape}]`);
  return length;
}

/** The common shape under ONNX's multidirectional broadcasting, or undefined where there is none. */
export function broadcastShapes(shapes: readonly Shape[]): Shape | undefined {
  const rank = shapes.reduce((most, shape) => Math.max(most, shape.length), 0);
  const result: number[] = [];
  for (let fromEnd = rank; fromEnd >= 1; fromEnd -= 1) {
    let common = 1;
    for (const shape of shapes) {
      const length = shape.at(-fromEnd) ?? 1;
      if (length === 1 || length === common) continue;
      if (common !== 1) return undefined;
      common = length;
    }
    result.push(common);
  }
  return result;
}

/** The axes as indices from the start, ascending, each once; undefined where one does not exist or repeats. */
export function normalizeAxes(axes: readonly number[], rank: number): number[] | undefined {
  const normal = axes.map((axis) => (axis < 0 ? axis + rank : axis)).sort((a, b) => a - b);
  const exist = normal.every((axis) => Number.isInteger(axis) && axis >= 0 && axis < rank);
  return exist && new Set(normal).size === normal.length ? normal : undefined;
}

/** The shape after reduction over `axes`, which are normalised. */
export function reducedShape(shape: Shape, axes: readonly number[], keepDims: boolean): Shape {
  const reduced = new Set(axes);
  return keepDims
    ? shape.map((length, axis) => (reduced.has(axis) ? 1 : length))
    : shape.filter((_, axis) => !reduced.has(axis));
}

/** The integers of an int64 or int32 constant as numbers; undefined for another type or one beyond 2^53. */
export function constantIntegers(constant: Constant): number[] | undefined {
  if (constant.dtype !== 'int64' && constant.dtype !== 'int32') return undefined;
  const integers = Array.from(constant.data, Number);
  return integers.every(Number.isSafeInteger) ? integers : undefined;
}

/** The same with those beyond 2^53 moved there: no axis is as long, so they mean the same position. */
export function constantPositions(constant: Constant): number[] | undefined {
  if (constant.dtype !== 'int64' && constant.dtype !== 'int32') return undefined;
  const most = Number.MAX_SAFE_INTEGER;
  return Array.from(constant.data, Number).map((value) => Math.min(Math.max(value, -most), most));
}
