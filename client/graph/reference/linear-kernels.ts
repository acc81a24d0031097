/**
 * Kernels of matrix products.
 */
import { floatAttribute, intAttribute } from '../attribute.ts';
import { axisLength } from '../tensor-type.ts';
import { type Kernel, present } from './kernel.ts';
import { element, flatIndex, generate } from './nd-array.ts';

/** One row times one column: from `start`, `count` elements of each at their strides. */
function dot(a: Line, b: Line, count: number): number {
  let total = 0;
  for (let k = 0; k < count; k += 1)
    total += (a.data[a.start + k * a.stride] ?? Number.NaN) * (b.data[b.start + k * b.stride] ?? Number.NaN);
  return total;
}

interface Line {
  readonly data: Float64Array;
  readonly start: number;
  readonly stride: number;
}

const matMul: Kernel = ([left, right], _, shape) => {
  const [a, b] = [present(left), present(right)];
  const inner = axisLength(a.shape, -1);
  return generate(shape, (index) => {
    const stack = index.slice(0, -2);
    const [row = 0, column = 0] = index.slice(-2);
    const rowLine = { data: a.data, start: flatIndex(a, [...stack, row, 0]), stride: 1 };
    const stride = axisLength(b.shape, -1);
    return dot(rowLine, { data: b.data, start: flatIndex(b, [...stack, 0, column]), stride }, inner);
  });
};

const gemm: Kernel = ([left, right, addend], attributes, shape) => {
  const [a, b] = [present(left), present(right)];
  const transA = intAttribute(attributes, 'transA', 0) !== 0;
  const transB = intAttribute(attributes, 'transB', 0) !== 0;
  const alpha = floatAttribute(attributes, 'alpha', 1);
  const beta = floatAttribute(attributes, 'beta', 1);
  const [widthA, widthB] = [axisLength(a.shape, 1), axisLength(b.shape, 1)];
  const inner = transA ? axisLength(a.shape, 0) : widthA;
  return generate(shape, (index) => {
    const [row = 0, column = 0] = index;
    const product = dot(
      transA
        ? { data: a.data, start: row, stride: widthA }
        : { data: a.data, start: row * widthA, stride: 1 },
      transB
        ? { data: b.data, start: column * widthB, stride: 1 }
        : { data: b.data, start: column, stride: widthB },
      inner,
    );
    return alpha * product + (addend ? beta * element(addend, index) : 0);
  });
};

export const LINEAR_KERNELS = { Gemm: gemm, MatMul: matMul } satisfies Record<string, Kernel>;
