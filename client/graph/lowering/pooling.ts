/**
 * Pooling as models have it.
 *
 * `ceil_mode` becomes padding at the end, enough for the last window that starts inside. AveragePool divides by the
 * elements of a window that lie on the axis, or with `count_include_pad` also by those in the padding that was asked
 * for, but never by those that `ceil_mode` added (as in PyTorch): the mean over the whole window times elements by
 * counted elements, where these differ. Where windows are spread out, padding may be longer than the runtime takes;
 * then it is written as an operator of its own. Global pooling is a reduction. Which element was the largest (the second
 * output of MaxPool) is not computed.
 */
import { type Attributes, int } from '../attribute.ts';
import type { Value } from '../graph.ts';
import { elementCount, type Shape } from '../tensor-type.ts';
import {
  everyWindowSees,
  LOWEST,
  onlyAttributes,
  readInteger,
  readIntegers,
  readWindow,
  type WindowAxis,
  windowAttributes,
  windowPositions,
  windowSpan,
} from '../window.ts';
import { namedPadding, paddingOf } from './convolution.ts';
import { atMostInputs, floatInput, type LoweringQuery } from './lowering-rule.ts';

const GEOMETRY = ['kernel_shape', 'strides', 'dilations', 'pads', 'auto_pad', 'ceil_mode'];

interface PooledAxis {
  readonly length: number;
  /** As the model has it. */
  readonly given: WindowAxis;
  /** With what `ceil_mode` adds. */
  readonly window: WindowAxis;
}

/** The shape of the one input. */
function imagesShape(query: LoweringQuery): Shape {
  atMostInputs(query, 1);
  const { shape } = floatInput(query, 0);
  if (shape.length < 3 || shape.length > 5 || elementCount(shape) === 0)
    query.fail(`shape [${shape}] is not a batch of images`);
  return shape;
}

function pooledAxes(query: LoweringQuery): PooledAxis[] {
  const shape = imagesShape(query);
  const lengths = shape.slice(2);
  const kernel =
    readIntegers(query, 'kernel_shape', lengths.length, 1) ?? query.fail('kernel_shape is missing');
  const padding = paddingOf(query);
  const isCeil = readInteger(query, 'ceil_mode', 0) !== 0;
  if (isCeil && padding !== 'NOTSET') query.fail(`ceil_mode beside auto_pad ${padding}`);
  return readWindow(query, kernel).map((axis, index) => {
    const length = lengths[index] ?? 0;
    const given = namedPadding(axis, length, padding);
    return { length, given, window: isCeil ? roundedUp(given, length) : given };
  });
}

/** Padded at the end until the last window that starts on the axis, or in front of it, fits. */
function roundedUp(axis: WindowAxis, length: number): WindowAxis {
  const { stride, begin } = axis;
  let steps = Math.ceil((length + begin + axis.end - windowSpan(axis)) / stride);
  if (steps * stride >= length + begin) steps -= 1;
  const end = Math.max(axis.end, steps * stride + windowSpan(axis) - length - begin);
  return { ...axis, end };
}

/** The pooling itself, of the whole windows. @param blank what the padding holds, where it has to be written */
function pooled(
  query: LoweringQuery,
  op: 'MaxPool' | 'AveragePool',
  axes: readonly PooledAxis[],
  { blank, attributes }: { readonly blank: number; readonly attributes: Attributes },
): Value {
  const { g, label } = query;
  const window = axes.map((axis) => axis.window);
  const isLong = window.some(({ kernel, begin, end }) => Math.max(begin, end) >= kernel);
  if (!isLong) return g.apply(op, query.inputs, { ...windowAttributes(window), ...attributes }, label);
  const sees = axes.every(({ length, window: axis }) =>
    everyWindowSees(axis, length, windowPositions(axis, length)),
  );
  if (!sees) query.fail('a window lies in the padding');
  const begins = window.map(({ begin }) => begin);
  const ends = window.map(({ end }) => end);
  const pads = g.integers([0, 0, ...begins, 0, 0, ...ends]);
  const wider = g.apply('Pad', [query.input(0), pads, g.scalar(blank)], {}, label);
  const inside = window.map((axis) => ({ ...axis, begin: 0, end: 0 }));
  return g.apply(op, [wider], { ...windowAttributes(inside), ...attributes }, label);
}

function maxPool(query: LoweringQuery): Value {
  // The order of storage only matters for the second output.
  onlyAttributes(query, [...GEOMETRY, 'storage_order']);
  return pooled(query, 'MaxPool', pooledAxes(query), { blank: LOWEST, attributes: {} });
}

function averagePool(query: LoweringQuery): Value {
  const { g } = query;
  onlyAttributes(query, [...GEOMETRY, 'count_include_pad']);
  const axes = pooledAxes(query);
  const countsPadding = readInteger(query, 'count_include_pad', 0) !== 0;
  const attributes = { count_include_pad: int(1) };
  const means = pooled(query, 'AveragePool', axes, { blank: 0, attributes });
  const factors = axes.flatMap((axis, index) => {
    const ratios = countRatios(axis, countsPadding);
    if (ratios.every((ratio) => ratio === 1)) return [];
    const shape = axes.map((_, other) => (other === index ? ratios.length : 1));
    return [g.constant({ dtype: 'float32', shape, data: Float32Array.from(ratios) })];
  });
  if (factors.length === 0) return means;
  return g.mul(
    means,
    factors.reduce((product, factor) => g.mul(product, factor)),
  );
}

/** For each window along an axis its elements by those that count. */
function countRatios({ length, given, window }: PooledAxis, countsPadding: boolean): number[] {
  const { kernel, stride, dilation, begin } = window;
  const [from, to] = countsPadding ? [-begin, length + given.end] : [0, length];
  return Array.from({ length: windowPositions(window, length) }, (_, position) => {
    const start = stride * position - begin;
    const first = Math.max(0, Math.ceil((from - start) / dilation));
    const last = Math.min(kernel - 1, Math.floor((to - 1 - start) / dilation));
    return kernel / (last - first + 1);
  });
}

function global(op: 'ReduceMean' | 'ReduceMax') {
  return (query: LoweringQuery): Value => {
    onlyAttributes(query, []);
    const axes = [...imagesShape(query).keys()].slice(2);
    return query.g.reduce(op, query.input(0), axes, true);
  };
}

export const POOLING_LOWERINGS = {
  AveragePool: averagePool,
  GlobalAveragePool: global('ReduceMean'),
  GlobalMaxPool: global('ReduceMax'),
  MaxPool: maxPool,
};
