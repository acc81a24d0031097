/**
 * Every operator in float64, by its definition in the ONNX operator specifications, opset 20. Slow and obvious: these
 * are what the shape rules, the gradient rules and ONNX Runtime itself are compared with.
 */
import { floatAttribute, intAttribute } from '../attribute.ts';
import type { Operator } from '../shapes/shape-rules.ts';
import { axisLength, normalizeAxes, reducedShape } from '../tensor-type.ts';
import { GATHER_KERNELS } from './gather-kernels.ts';
import { JOIN_KERNELS } from './join-kernels.ts';
import { elementwise, type Kernel, present } from './kernel.ts';
import { element, flatIndex, generate, mapElements } from './nd-array.ts';
import { SLICE_KERNELS } from './slice-kernels.ts';
import { VIEW_KERNELS } from './view-kernels.ts';

function reduction(combine: (values: readonly number[]) => number): Kernel {
  return ([array, axesArray], attributes) => {
    const { shape } = present(array);
    const asked = Array.from(axesArray?.data ?? []);
    const noop = asked.length === 0 && intAttribute(attributes, 'noop_with_empty_axes', 0) !== 0;
    if (noop) return present(array);
    const axes = normalizeAxes(asked.length > 0 ? asked : [...shape.keys()], shape.length) ?? [];
    const inner = axes.map((axis) => axisLength(shape, axis));
    const kept = generate(reducedShape(shape, axes, true), (index) => {
      const values = generate(inner, (offsets) => {
        const at = [...index];
        axes.forEach((axis, position) => {
          at[axis] = offsets[position] ?? 0;
        });
        return element(present(array), at);
      });
      return combine(Array.from(values.data));
    });
    const keepDims = intAttribute(attributes, 'keepdims', 1) !== 0;
    return { shape: reducedShape(shape, axes, keepDims), data: kept.data };
  };
}

const sum = (values: readonly number[]) => values.reduce((total, value) => total + value, 0);
const max = (values: readonly number[]) => values.reduce((a, b) => Math.max(a, b), Number.NEGATIVE_INFINITY);
const min = (values: readonly number[]) => values.reduce((a, b) => Math.min(a, b), Number.POSITIVE_INFINITY);

const softmax: Kernel = ([array], attributes) => {
  const { shape } = present(array);
  const axis = intAttribute(attributes, 'axis', -1);
  const position = axis < 0 ? axis + shape.length : axis;
  return generate(shape, (index) => {
    const line = Array.from({ length: axisLength(shape, position) }, (_, place) =>
      element(present(array), index.with(position, place)),
    );
    const largest = max(line);
    const mine = element(present(array), index);
    return Math.exp(mine - largest) / sum(line.map((value) => Math.exp(value - largest)));
  });
};

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

const cast: Kernel = ([array], attributes) => {
  // As numbered by TensorProto.DataType: 9 is bool, 6 and 7 are integers, which truncate.
  const to = intAttribute(attributes, 'to', 1);
  return mapElements([present(array)], (x = 0) =>
    to === 9 ? Number(x !== 0) : to === 1 ? x : Math.trunc(x),
  );
};

export const KERNELS: Readonly<Record<Operator, Kernel>> = {
  ...GATHER_KERNELS,
  ...JOIN_KERNELS,
  ...SLICE_KERNELS,
  ...VIEW_KERNELS,
  Abs: elementwise((x = 0) => Math.abs(x)),
  Add: elementwise((a = 0, b = 0) => a + b),
  Cast: cast,
  Div: elementwise((a = 0, b = 0) => a / b),
  Equal: elementwise((a, b) => Number(a === b)),
  Exp: elementwise((x = 0) => Math.exp(x)),
  Gemm: gemm,
  Greater: elementwise((a = 0, b = 0) => Number(a > b)),
  Identity: elementwise((x = 0) => x),
  Log: elementwise((x = 0) => Math.log(x)),
  MatMul: matMul,
  Max: elementwise((...values) => Math.max(...values)),
  Min: elementwise((...values) => Math.min(...values)),
  Mul: elementwise((a = 0, b = 0) => a * b),
  Neg: elementwise((x = 0) => -x),
  ReduceMax: reduction(max),
  ReduceMean: reduction((values) => sum(values) / values.length),
  ReduceMin: reduction(min),
  ReduceSum: reduction(sum),
  Relu: elementwise((x = 0) => Math.max(x, 0)),
  Sigmoid: elementwise((x = 0) => 1 / (1 + Math.exp(-x))),
  Softmax: softmax,
  Sqrt: elementwise((x = 0) => Math.sqrt(x)),
  Sub: elementwise((a = 0, b = 0) => a - b),
  Tanh: elementwise((x = 0) => Math.tanh(x)),
  Where: elementwise((condition, a = 0, b = 0) => (condition ? a : b)),
};
