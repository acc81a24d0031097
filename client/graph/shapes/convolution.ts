/**
 * Shapes of convolutions with explicit padding.
 *
 *   Conv:          [N, C, L...]  *  [O, C/G, k...]  (+ [O])  ->  [N, O, positions...]
 *   ConvTranspose: [N, C, L...]  *  [C, O/G, k...]  (+ [O])  ->  [N, O, lengths...]
 *
 * in G groups, each of which sees its share of the channels and makes its share of the outputs.
 */
import { elementCount, type Shape, type TensorType } from '../tensor-type.ts';
import {
  onlyAttributes,
  readInteger,
  readIntegers,
  readWindow,
  transposedLength,
  type WindowAxis,
  windowPositions,
} from '../window.ts';
import { atMostInputs, expectType, requiredInput, type ShapeQuery } from './shape-rule.ts';

const GEOMETRY = ['kernel_shape', 'strides', 'dilations', 'pads', 'group'];

interface Operands {
  readonly x: Shape;
  readonly weight: Shape;
  readonly groups: number;
  readonly window: readonly WindowAxis[];
}

/** Checks what both kinds have in common; the second entry of the result is the number of spatial axes. */
function operands(query: ShapeQuery, attributes: readonly string[]): Operands {
  atMostInputs(query, 3);
  onlyAttributes(query, attributes);
  for (const value of query.inputs) if (value) expectType(query, value, 'float32');
  const x = requiredInput(query, 0).shape;
  const weight = requiredInput(query, 1).shape;
  if (x.length < 3 || weight.length !== x.length)
    query.fail(`shapes [${x}] and [${weight}] are not a batch of images and kernels for it`);
  if (elementCount(weight) === 0 || elementCount(x) === 0)
    query.fail(`shapes [${x}] and [${weight}] are empty`);
  const groups = readInteger(query, 'group', 1, 1);
  return { x, weight, groups, window: readWindow(query, weight.slice(2)) };
}

function expectBias(query: ShapeQuery, channels: number): void {
  const bias = query.inputs[2];
  if (bias && (bias.shape.length !== 1 || bias.shape[0] !== channels))
    query.fail(`bias [${bias.shape}] where ${channels} numbers are needed`);
}

function conv(query: ShapeQuery): TensorType {
  const { x, weight, groups, window } = operands(query, GEOMETRY);
  const [batch = 0, channels = 0, ...lengths] = x;
  const [outputs = 0, perGroup = 0] = weight;
  if (perGroup * groups !== channels || outputs % groups !== 0)
    query.fail(`kernels [${weight}] in ${groups} groups for ${channels} channels`);
  expectBias(query, outputs);
  const positions = window.map((axis, index) => windowPositions(axis, lengths[index] ?? 0));
  if (positions.some((count) => count < 1)) query.fail(`kernels [${weight}] do not fit into [${x}]`);
  return { dtype: 'float32', shape: [batch, outputs, ...positions] };
}

function convTranspose(query: ShapeQuery): TensorType {
  const { x, weight, groups, window } = operands(query, [...GEOMETRY, 'output_padding']);
  const [batch = 0, channels = 0, ...lengths] = x;
  const [inputs = 0, perGroup = 0] = weight;
  if (inputs !== channels || channels % groups !== 0)
    query.fail(`kernels [${weight}] in ${groups} groups for ${channels} channels`);
  expectBias(query, perGroup * groups);
  const added = readIntegers(query, 'output_padding', window.length, 0) ?? window.map(() => 0);
  // More would be rows that no window reaches; the gradient counts on there being none.
  if (added.some((count, axis) => count >= (window[axis]?.stride ?? 1)))
    query.fail(`output_padding [${added}] is not below the strides`);
  const result = window.map(
    (axis, index) => transposedLength(axis, lengths[index] ?? 0) + (added[index] ?? 0),
  );
  if (result.some((length) => length < 1)) query.fail(`nothing is left of [${x}] after cutting the padding`);
  return { dtype: 'float32', shape: [batch, perGroup * groups, ...result] };
}

export const CONVOLUTION_SHAPES = { Conv: conv, ConvTranspose: convTranspose };
