/**
 * Kernels of activation functions.
 */
import { floatAttribute, intAttribute } from '../attribute.ts';
import { axisLength, elementCount } from '../tensor-type.ts';
import { elementwise, type Kernel, present } from './kernel.ts';
import { mapElements } from './nd-array.ts';

/** An activation with attributes alpha and beta, float32 as all attributes, whose defaults are those of the operator. */
function scaled(alpha: number, beta: number, f: (x: number, alpha: number, beta: number) => number): Kernel {
  return ([array], attributes) => {
    const a = Math.fround(floatAttribute(attributes, 'alpha', alpha));
    const b = Math.fround(floatAttribute(attributes, 'beta', beta));
    return mapElements([present(array)], (x = 0) => f(x, a, b));
  };
}

/** Line by line along the axis, whose elements are so far apart as the axes behind it have elements. */
const softmax: Kernel = ([array], attributes) => {
  const { shape, data } = present(array);
  const axis = intAttribute(attributes, 'axis', -1);
  const length = axisLength(shape, axis);
  const apart = elementCount(shape.slice(axis < 0 ? axis + shape.length : axis)) / length;
  const result = new Float64Array(data.length);
  for (let line = 0; line < data.length / length; line += 1) {
    const start = Math.floor(line / apart) * apart * length + (line % apart);
    const end = start + length * apart;
    let largest = Number.NEGATIVE_INFINITY;
    for (let at = start; at < end; at += apart) largest = Math.max(largest, data[at] as number);
    let total = 0;
    for (let at = start; at < end; at += apart) {
      result[at] = Math.exp((data[at] as number) - largest);
      total += result[at] as number;
    }
    for (let at = start; at < end; at += apart) result[at] = (result[at] as number) / total;
  }
  return { shape, data: result };
};

export const ACTIVATION_KERNELS = {
  Elu: scaled(1, 0, (x, alpha) => (x >= 0 ? x : alpha * Math.expm1(x))),
  HardSigmoid: scaled(0.2, 0.5, (x, alpha, beta) => Math.max(0, Math.min(1, alpha * x + beta))),
  LeakyRelu: scaled(0.01, 0, (x, alpha) => (x >= 0 ? x : alpha * x)),
  Relu: elementwise((x = 0) => Math.max(x, 0)),
  Sigmoid: elementwise((x = 0) => 1 / (1 + Math.exp(-x))),
  Softmax: softmax,
  Softplus: elementwise((x = 0) => Math.max(x, 0) + Math.log1p(Math.exp(-Math.abs(x)))),
  Tanh: elementwise((x = 0) => Math.tanh(x)),
} satisfies Record<string, Kernel>;
