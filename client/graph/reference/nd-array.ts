/**
 * A dense array of float64, row-major: all the reference interpreter computes with. Integers are exact up to 2^53,
 * booleans are 0 and 1.
 */
import { HanseError } from '../../../protocol/problem.ts';
import { broadcastShapes, elementCount, type Shape, sameShape } from '../tensor-type.ts';

export interface NdArray {
  readonly shape: Shape;
  readonly data: Float64Array;
}

/** An array of this shape whose elements a function of the multi-index gives; the index is reused between calls. */
export function generate(shape: Shape, element: (index: readonly number[]) => number): NdArray {
  const data = new Float64Array(elementCount(shape));
  const index = shape.map(() => 0);
  for (let flat = 0; flat < data.length; flat += 1) {
    data[flat] = element(index);
    for (let axis = shape.length - 1; axis >= 0; axis -= 1) {
      index[axis] = (index[axis] ?? 0) + 1;
      if ((index[axis] ?? 0) < (shape[axis] ?? 0)) break;
      index[axis] = 0;
    }
  }
  return { shape, data };
}

/** The element at a multi-index; axes of length 1 repeat and leading axes that the array lacks are skipped. */
export function element(array: NdArray, index: readonly number[]): number {
  return array.data[flatIndex(array, index)] ?? Number.NaN;
}

/** Where that element lies in `data`. */
export function flatIndex({ shape }: NdArray, index: readonly number[]): number {
  const skipped = index.length - shape.length;
  let flat = 0;
  for (let axis = 0; axis < shape.length; axis += 1) {
    const length = shape[axis] ?? 0;
    flat = flat * length + (length === 1 ? 0 : (index[axis + skipped] ?? 0));
  }
  return flat;
}

/** Applies a function of scalars elementwise, with broadcasting. Throws `graphMalformed` where shapes do not match. */
export function mapElements(arrays: readonly NdArray[], f: (...scalars: number[]) => number): NdArray {
  const shapes = arrays.map(({ shape }) => shape);
  const shape = broadcastShapes(shapes);
  if (shape === undefined)
    throw new HanseError('graphMalformed', { reason: `shapes ${shapes.join(' and ')} do not match` });
  if (arrays.every((array) => sameShape(array.shape, shape) || array.data.length === 1))
    return { shape, data: mapFlat(arrays, elementCount(shape), f) };
  return generate(shape, (index) => f(...arrays.map((array) => element(array, index))));
}

/** Without an index, for arrays that are read from front to back, or of which one element is all there is. */
function mapFlat(
  arrays: readonly NdArray[],
  count: number,
  f: (...scalars: number[]) => number,
): Float64Array {
  const result = new Float64Array(count);
  const [a, b] = arrays.map(({ data }) => data);
  const [stepA, stepB] = arrays.map(({ data }) => (data.length === 1 ? 0 : 1));
  if (a && arrays.length === 1) for (let at = 0; at < count; at += 1) result[at] = f(a[at] as number);
  else if (a && b && stepA !== undefined && stepB !== undefined && arrays.length === 2)
    for (let at = 0; at < count; at += 1) result[at] = f(a[at * stepA] as number, b[at * stepB] as number);
  else
    for (let at = 0; at < count; at += 1)
      result[at] = f(...arrays.map(({ data }) => data[data.length === 1 ? 0 : at] as number));
  return result;
}
