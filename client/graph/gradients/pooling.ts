/**
 * Gradients of pooling, D being the gradient by the output.
 *
 *   mean: D / k to every element of the window
 *   max:  D to the largest element, in equal shares where there are several; nothing to padding
 *
 * The windows of a maximum are spread out by a convolution with kernels that have a single 1 each, and what belongs to
 * each element is collected by the transposed of the same: exact, as everything else is multiplied by 0. Measured
 * 2026-11 (one thread, 32 x 32 planes of 28 x 28, windows of 2 x 2; least of twenty runs, ms on onnxruntime-node and
 * onnxruntime-web 1.30) that takes 4.4 and 6.0; reshaping to [planes, 14, 2, 14, 2] and comparing with broadcasts 10
 * and 34, gathering by indices 14 and 18. For large windows side by side, where the kernels would be large and
 * broadcasts are long, it is the other way round.
 */
import { HanseError } from '../../../protocol/problem.ts';
import type { Value } from '../graph.ts';
import type { GraphBuilder } from '../graph-builder.ts';
import { DEFAULT_LIMITS, enforceLimit } from '../limits.ts';
import { elementCount, type Shape } from '../tensor-type.ts';
import { LOWEST, readWindow, type WindowAxis, windowAttributes } from '../window.ts';
import { transposedConv } from './convolution.ts';
import type { GradientQuery, GradientRule } from './gradient-rule.ts';

/** Elements of a window from which on reshaping is better, where it is possible. */
const LARGE_WINDOW = 32;
/** Most elements of a window of which there is one kernel each. */
const MAX_KERNELS = 256;

function windowOf({ node }: GradientQuery): WindowAxis[] {
  const fail = (reason: string): never => {
    throw new RangeError(reason);
  };
  const { kernel_shape: kernel } = node.attributes;
  return readWindow({ attributes: node.attributes, fail }, kernel?.kind === 'ints' ? kernel.value : []);
}

/** Every channel as an image of its own: [N, C, L...] -> [N C, 1, L...]. */
function planes(g: GraphBuilder, value: Value): Value {
  const [batch = 0, channels = 0, ...lengths] = value.shape;
  return g.reshape(value, [batch * channels, 1, ...lengths]);
}

const averagePool: GradientRule = (query) => {
  const { g, upstream, input } = query;
  const { shape } = input(0);
  const window = windowOf(query);
  const kernel = window.map((axis) => axis.kernel);
  const count = elementCount(kernel);
  return [
    () => {
      const data = new Float32Array(count).fill(1);
      const ones = g.constant({ dtype: 'float32', shape: [1, 1, ...kernel], data });
      const share = g.div(planes(g, upstream), g.scalar(count));
      const lengths = shape.slice(2);
      return g.reshape(transposedConv(g, share, ones, { window, groups: 1, lengths }), shape);
    },
  ];
};

const maxPool: GradientRule = (query) => {
  const { g, upstream, output, input } = query;
  const x = input(0);
  const window = windowOf(query);
  const elements = elementCount(window.map((axis) => axis.kernel));
  const tiles = window.every(({ kernel, stride, dilation, begin, end }, axis) => {
    const isWhole = kernel * (output.shape[axis + 2] ?? 0) === x.shape[axis + 2];
    return isWhole && kernel === stride && dilation === 1 && begin === 0 && end === 0;
  });
  return [
    () =>
      tiles && elements >= LARGE_WINDOW ? byTiles(g, x, output, upstream) : byKernels(g, x, upstream, window),
  ];
};

/** Windows side by side: each is a few axes of x. */
function byTiles(g: GraphBuilder, x: Value, y: Value, d: Value): Value {
  const [batch = 0, channels = 0, ...positions] = y.shape;
  const images = batch * channels;
  const split: number[] = [images];
  const joined: number[] = [images];
  const within: number[] = [];
  positions.forEach((count, axis) => {
    split.push(count, (x.shape[axis + 2] ?? 0) / count);
    joined.push(count, 1);
    within.push(2 * axis + 2);
  });
  const hits = g.cast(g.apply('Equal', [g.reshape(x, split), g.reshape(y, joined)]), 'float32');
  const share = g.div(g.reshape(d, joined), g.reduce('ReduceSum', hits, within, true));
  return g.reshape(g.mul(hits, share), x.shape);
}

function byKernels(g: GraphBuilder, x: Value, d: Value, window: readonly WindowAxis[]): Value {
  const kernel = window.map((axis) => axis.kernel);
  const elements = elementCount(kernel);
  if (elements > MAX_KERNELS)
    throw new HanseError('graphTooLarge', {
      what: 'elements of a MaxPool window',
      limit: MAX_KERNELS,
      got: elements,
    });
  enforceLimit(DEFAULT_LIMITS, 'elements', elements * elementCount(d.shape));
  const picks = new Float32Array(elements * elements);
  for (let element = 0; element < elements; element += 1) picks[element * elements + element] = 1;
  const kernels = g.constant({ dtype: 'float32', shape: [elements, 1, ...kernel], data: picks });
  const inside = window.map((axis) => ({ ...axis, begin: 0, end: 0 }));
  const seen = g.apply('Conv', [padded(g, planes(g, x), window), kernels], windowAttributes(inside));
  // Compared with the largest of what the convolution gives, not with y: that is equal however a provider rounds.
  const largest = g.reduce('ReduceMax', seen, [1], true);
  const hits = g.cast(g.apply('Equal', [seen, largest]), 'float32');
  const share = g.div(planes(g, d), g.reduce('ReduceSum', hits, [1], true));
  const lengths: Shape = x.shape.slice(2);
  const collected = transposedConv(g, g.mul(hits, share), kernels, { window, groups: 1, lengths });
  return g.reshape(collected, x.shape);
}

function padded(g: GraphBuilder, images: Value, window: readonly WindowAxis[]): Value {
  if (window.every(({ begin, end }) => begin === 0 && end === 0)) return images;
  const begins = window.map(({ begin }) => begin);
  const ends = window.map(({ end }) => end);
  return g.apply('Pad', [images, g.integers([0, 0, ...begins, 0, 0, ...ends]), g.scalar(LOWEST)]);
}

export const POOLING_GRADIENTS = {
  AveragePool: averagePool,
  MaxPool: maxPool,
} satisfies Record<string, GradientRule>;
