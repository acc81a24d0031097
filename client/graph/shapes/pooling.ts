/**
 * Shapes of pooling with explicit padding: [N, C, L...] -> [N, C, positions...].
 *
 * MaxPool never counts padding. AveragePool always does, as zeros: a mean over what lies inside is that times a
 * constant, which the lowering writes. Every window has an element inside.
 */
import { elementCount, type TensorType } from '../tensor-type.ts';
import {
  everyWindowSees,
  onlyAttributes,
  readInteger,
  readIntegers,
  readWindow,
  windowPositions,
} from '../window.ts';
import { atMostInputs, expectType, requiredInput, type ShapeQuery } from './shape-rule.ts';

const GEOMETRY = ['kernel_shape', 'strides', 'dilations', 'pads'];

/** Elements of a window over all axes: what a result costs. */
const MAX_WINDOW = 1 << 16;

function pooling(query: ShapeQuery): TensorType {
  atMostInputs(query, 1);
  const x = requiredInput(query, 0);
  expectType(query, x, 'float32');
  const [batch = 0, channels = 0, ...lengths] = x.shape;
  if (lengths.length === 0 || elementCount(x.shape) === 0)
    query.fail(`shape [${x.shape}] is not a batch of images`);
  const kernel =
    readIntegers(query, 'kernel_shape', lengths.length, 1) ?? query.fail('kernel_shape is missing');
  if (elementCount(kernel) > MAX_WINDOW) query.fail(`windows of [${kernel}] elements`);
  const positions = readWindow(query, kernel).map((axis, index) => {
    const length = lengths[index] ?? 0;
    const count = windowPositions(axis, length);
    if (count < 1) query.fail(`windows [${kernel}] do not fit into [${x.shape}]`);
    if (!everyWindowSees(axis, length, count)) query.fail(`a window lies in the padding of [${x.shape}]`);
    // ONNX Runtime wants it so, also where windows are spread out.
    if (Math.max(axis.begin, axis.end) >= axis.kernel) query.fail(`padding as long as windows [${kernel}]`);
    return count;
  });
  return { dtype: 'float32', shape: [batch, channels, ...positions] };
}

function averagePool(query: ShapeQuery): TensorType {
  onlyAttributes(query, [...GEOMETRY, 'count_include_pad']);
  if (readInteger(query, 'count_include_pad', 0) !== 1) query.fail('count_include_pad must be 1 here');
  return pooling(query);
}

function maxPool(query: ShapeQuery): TensorType {
  onlyAttributes(query, GEOMETRY);
  return pooling(query);
}

export const POOLING_SHAPES = { AveragePool: averagePool, MaxPool: maxPool };
