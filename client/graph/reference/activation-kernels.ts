/**
 * Kernels of activation functions.
 */
import { floatAttribute, intAttribute } from '../attribute.ts';
import { axisLength } from '../tensor-type.ts';
import { elementwise, type Kernel, present } from './kernel.ts';
import { element, generate, mapElements } from './nd-array.ts';

/** An activation with attributes alpha and beta, float32 as all attributes, whose defaults are those of the operator. */
function scaled(alpha: number, beta: number, f: (x: number, alpha: number, beta: number) => number): Kernel {
  return ([array], attributes) => {
    const a = Math.fround(floatAttribute(attributes, 'alpha', alpha));
    const b = Math.fround(floatAttribute(attributes, 'beta', beta));
    return mapElements([present(array)], (x = 0) => f(x, a, b));
  };
}

const softmax: Kernel = ([array], attributes) => {
  const { shape } = present(array);
  const axis = intAttribute(attributes, 'axis', -1);
  const position = axis < 0 ? axis + shape.length : axis;
  return generate(shape, (index) => {
    const line = Array.from({ length: axisLength(shape, position) }, (_, place) =>
      element(present(array), index.with(position, place)),
    );
    const largest = line.reduce((a, b) => Math.max(a, b), Number.NEGATIVE_INFINITY);
    const mine = element(present(array), index);
    return Math.exp(mine - largest) / line.reduce((total, value) => total + Math.exp(value - largest), 0);
  });
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
