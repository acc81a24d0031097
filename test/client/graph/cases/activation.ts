/**
 * Cases of activation functions.
 */
import { float, int } from '../../../../client/graph/attribute.ts';
import { type OperatorCase, unary } from './operator-case.ts';

const SOFTMAXES: OperatorCase[] = [undefined, 0, 1].map((axis) => ({
  name: `Softmax, axis ${axis ?? 'absent'}`,
  op: 'Softmax',
  inputs: [[2, 3, 4]],
  range: [-3, 3],
  build: (g, inputs) => g.apply('Softmax', inputs, axis === undefined ? {} : { axis: int(axis) }),
}));

export const ACTIVATION_CASES: readonly OperatorCase[] = [
  unary('Tanh'),
  unary('Sigmoid'),
  unary('Relu'),
  unary('Elu'),
  unary('Elu', [-2, 2], { alpha: float(0.3) }),
  unary('LeakyRelu'),
  unary('LeakyRelu', [-2, 2], { alpha: float(0.3) }),
  unary('Softplus'),
  unary('Softplus', [-90, 90]),
  unary('HardSigmoid', [-4, 4]),
  unary('HardSigmoid', [-4, 4], { alpha: float(-0.25), beta: float(0.375) }),
  ...SOFTMAXES,
];
