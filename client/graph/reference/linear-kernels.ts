/**
 * Matrix products in float64, as plain loops over the elements: most of the time of a gradient check goes here.
 */
import { floatAttribute, intAttribute } from '../attribute.ts';
import { axisLength, elementCount } from '../tensor-type.ts';
import { type Kernel, present } from './kernel.ts';
import { flatIndex, generate } from './nd-array.ts';

/** A row-major matrix that starts somewhere in an array. */
export interface Matrix {
  readonly data: Float64Array;
  readonly start: number;
}

/** Adds A B to C; A is [rows, inner], B [inner, columns], C [rows, columns]. */
export function addProduct(
  c: Matrix,
  a: Matrix,
  b: Matrix,
  [rows, inner, columns]: readonly [rows: number, inner: number, columns: number],
): void {
  for (let row = 0; row < rows; row += 1) {
    const from = a.start + row * inner;
    const to = c.start + row * columns;
    for (let k = 0; k < inner; k += 1) {
      const factor = a.data[from + k] as number;
      const line = b.start + k * columns;
      for (let column = 0; column < columns; column += 1)
        c.data[to + column] = (c.data[to + column] as number) + factor * (b.data[line + column] as number);
    }
  }
}

/** A' of a [rows, columns] matrix. */
export function transposed({ data, start }: Matrix, rows: number, columns: number): Matrix {
  const result = new Float64Array(rows * columns);
  for (let row = 0; row < rows; row += 1)
    for (let column = 0; column < columns; column += 1)
      result[column * rows + row] = data[start + row * columns + column] as number;
  return { data: result, start: 0 };
}

/** [..., M, K] x [..., K, N]; the leading axes broadcast. */
const matMul: Kernel = ([left, right], _, shape) => {
  const [a, b] = [present(left), present(right)];
  const data = new Float64Array(elementCount(shape));
  const [rows, columns] = [axisLength(a.shape, -2), axisLength(b.shape, -1)];
  const inner = axisLength(a.shape, -1);
  let start = 0;
  // Once for every pair of matrices, in the order of the result.
  generate(shape.slice(0, -2), (stack) => {
    const first = { data: a.data, start: flatIndex(a, [...stack, 0, 0]) };
    const second = { data: b.data, start: flatIndex(b, [...stack, 0, 0]) };
    addProduct({ data, start }, first, second, [rows, inner, columns]);
    start += rows * columns;
    return 0;
  });
  return { shape, data };
};

/** alpha A' B' + beta C. */
const gemm: Kernel = ([left, right, addend], attributes, shape) => {
  const [a, b] = [present(left), present(right)];
  const alpha = floatAttribute(attributes, 'alpha', 1);
  const beta = floatAttribute(attributes, 'beta', 1);
  const [rows = 0, columns = 0] = shape;
  const transA = intAttribute(attributes, 'transA', 0) !== 0;
  const transB = intAttribute(attributes, 'transB', 0) !== 0;
  const inner = axisLength(a.shape, transA ? 0 : 1);
  const [first, second] = [
    { data: a.data, start: 0 },
    { data: b.data, start: 0 },
  ];
  const data = new Float64Array(rows * columns);
  addProduct(
    { data, start: 0 },
    transA ? transposed(first, inner, rows) : first,
    transB ? transposed(second, columns, inner) : second,
    [rows, inner, columns],
  );
  const { shape: lengths = [], data: added = Float64Array.of(0) } = addend ?? {};
  const [width = 1, height = 1] = lengths.toReversed();
  const [stepDown, stepRight] = [height === 1 ? 0 : width, width === 1 ? 0 : 1];
  for (let row = 0, at = 0; row < rows; row += 1)
    for (let column = 0; column < columns; column += 1, at += 1)
      data[at] = alpha * (data[at] as number) + beta * (added[row * stepDown + column * stepRight] as number);
  return { shape, data };
};

export const LINEAR_KERNELS = { Gemm: gemm, MatMul: matMul } satisfies Record<string, Kernel>;
