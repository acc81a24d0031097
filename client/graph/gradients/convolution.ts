/**
 * Gradients of convolutions. With D the gradient by y = conv(x, w):
 *
 *   by x: convTranspose(D, w)     by w: for each element of the kernel, D times what it saw     by the bias: sum of D
 *
 * Conv and ConvTranspose are each other's transposed, so those of y = convTranspose(x, w) are conv(D, w) and the same
 * product with the roles of D and x exchanged.
 *
 * Why the product by w is made this way (measured 2026-11 on two shared cores, one thread, medians of seven, batch 32,
 * layer 32 -> 64, 5x5, on 14x14; milliseconds on onnxruntime-node 1.30 and on onnxruntime-web 1.30):
 *
 *   windows gathered, examples innermost, one Gemm              9.3   28     (this one)
 *   windows gathered, channels innermost, MatMul per example   10.6   29
 *   a Slice per element of the kernel, Concat, one Gemm        12.2   33
 *   Conv with batch and channels exchanged, D as the kernel    11.9   38
 *   windows gathered pixel by pixel, one Gemm or one each      46-49  70-77
 *
 * and for the layer 1 -> 32 on 28x28: 1.1 and 2.7, 5.6 and 8.4, 1.0 and 3.5, 1.2 and 4.4, 5.5-6.1 and 8-9. Gathering
 * moves whole batches at a time, and one form serves all providers, so the step that is hashed is the step that runs:
 * with it a step of the FedAvg network takes 43 and 119. Where the windows would take too much memory, the fourth form
 * makes the same sums without writing them down. The gradient by x as a convolution with turned kernels takes 11 and
 * 32, transposed 8.7 and 30.
 */
import { int, intAttribute } from '../attribute.ts';
import type { Value } from '../graph.ts';
import type { GraphBuilder } from '../graph-builder.ts';
import { elementCount, type Shape } from '../tensor-type.ts';
import { readWindow, transposedLength, type WindowAxis, windowAttributes, windowIndices } from '../window.ts';
import { type GradientQuery, type GradientRule, sumToShape } from './gradient-rule.ts';

/** Most elements of all windows of a batch that are written down: 256 MiB. */
const MAX_GATHERED = 1 << 26;
/** Most indices, which are part of the graph: 16 MiB. */
const MAX_INDICES = 1 << 22;

export interface Geometry {
  readonly window: readonly WindowAxis[];
  readonly groups: number;
}

/** The windows of a Conv or ConvTranspose with a kernel of these sides. */
export function geometryOf({ node }: GradientQuery, kernel: Shape): Geometry {
  const fail = (reason: string): never => {
    throw new RangeError(reason);
  };
  const window = readWindow({ attributes: node.attributes, fail }, kernel);
  return { window, groups: intAttribute(node.attributes, 'group', 1) };
}

/** The sum over everything but the channels. */
function byBias({ g, upstream, input }: GradientQuery): Value {
  const axes = [...upstream.shape.keys()].filter((axis) => axis !== 1);
  return sumToShape(g, g.reduce('ReduceSum', upstream, axes, false), input(2).shape);
}

const conv: GradientRule = (query) => {
  const { g, upstream, input } = query;
  const [x, weight] = [input(0), input(1)];
  const geometry = geometryOf(query, weight.shape.slice(2));
  const { window, groups } = geometry;
  return [
    () => transposedConv(g, upstream, weight, { window, groups, lengths: x.shape.slice(2) }),
    () => weightGradient(g, { ...geometry, x, d: upstream, shape: weight.shape }),
    () => byBias(query),
  ];
};

const convTranspose: GradientRule = (query) => {
  const { g, upstream, input } = query;
  const [x, weight] = [input(0), input(1)];
  const geometry = geometryOf(query, weight.shape.slice(2));
  const attributes = { ...windowAttributes(geometry.window), group: int(geometry.groups) };
  return [
    () => g.apply('Conv', [upstream, weight], attributes),
    () => weightGradient(g, { ...geometry, x: upstream, d: x, shape: weight.shape }),
    () => byBias(query),
  ];
};

/**
 * The transposed convolution that leads back to axes of these lengths. Rows behind the last window, which a stride
 * that does not divide the axis leaves unseen, get 0.
 */
export function transposedConv(
  g: GraphBuilder,
  value: Value,
  weight: Value,
  { window, groups, lengths }: Geometry & { readonly lengths: Shape },
): Value {
  const positions = value.shape.slice(2);
  const unseen = window.map(
    (axis, index) => (lengths[index] ?? 0) - transposedLength(axis, positions[index] ?? 0),
  );
  return g.apply('ConvTranspose', [value, weight], {
    ...windowAttributes(window),
    group: int(groups),
    output_padding: { kind: 'ints', value: unseen },
  });
}

/** The gradient by w, in the form that is faster or, where that is too large, in the other one. */
function weightGradient(g: GraphBuilder, product: WeightProduct): Value {
  const { x, d, shape } = product;
  const places = elementCount(d.shape.slice(2));
  const elements = elementCount(shape.slice(2));
  const { shape: images } = x;
  const gathered = (images[0] ?? 0) * (images[1] ?? 0) * elements * places;
  const isLarge = elements * places > MAX_INDICES || gathered > MAX_GATHERED;
  return isLarge ? byExchange(g, product) : byWindows(g, product);
}

/**
 * For each element (o, c, a) of a kernel the sum over examples n and positions i of d[n, o, i] x[n, c, s i - b + l a],
 * l being the dilation.
 */
export interface WeightProduct extends Geometry {
  /** [N, C, lengths...], which the windows move over. */
  readonly x: Value;
  /** [N, O, positions...], one number for each window. */
  readonly d: Value;
  /** [O, C / groups, kernel...] */
  readonly shape: Shape;
}

/** All windows, times what belongs to them. */
export function byWindows(g: GraphBuilder, { x, d, shape, window, groups }: WeightProduct): Value {
  const [outputs = 0, perGroup = 0, ...kernel] = shape;
  const [batch = 0] = x.shape;
  const columns = elementCount(d.shape.slice(2)) * batch;
  const rows = g.reshape(examplesLast(g, d), [groups, outputs / groups, columns]);
  const windows = windowsOf(g, x, window, d.shape.slice(2));
  const seen = g.reshape(windows, [groups, perGroup * elementCount(kernel), columns]);
  const sums =
    groups === 1
      ? g.gemm(matrix(g, rows), matrix(g, seen), { transB: true })
      : g.apply('MatMul', [rows, g.transpose(seen, [0, 2, 1])]);
  return g.reshape(sums, shape);
}

function matrix(g: GraphBuilder, stackOfOne: Value): Value {
  return g.reshape(stackOfOne, stackOfOne.shape.slice(1));
}

/** [N, C, L...] -> [C, L..., N]. */
function examplesLast(g: GraphBuilder, value: Value): Value {
  const [first = 0, ...others] = value.shape.keys();
  return g.transpose(value, [...others, first]);
}

/** All windows, [C, elements of the kernel, positions, N]. */
function windowsOf(
  g: GraphBuilder,
  x: Value,
  window: readonly WindowAxis[],
  positions: readonly number[],
): Value {
  const [batch = 0, channels = 0, ...lengths] = x.shape;
  const pixels = elementCount(lengths);
  const indices = windowIndices(window, lengths, positions);
  const lines = g.reshape(examplesLast(g, x), [channels, pixels, batch]);
  if (indices.length === pixels && indices.every((index, at) => index === at)) return lines;
  // What lies in the padding is read from one more pixel, of zeros.
  const isPadded = indices.includes(-1);
  const zeros = new Float32Array(channels * batch);
  const blank = () => g.constant({ dtype: 'float32', shape: [channels, 1, batch], data: zeros });
  const source = isPadded ? g.apply('Concat', [lines, blank()], { axis: int(1) }) : lines;
  const data = isPadded ? indices.map((index) => (index < 0 ? pixels : index)) : indices;
  const at = g.constant({ dtype: 'int32', shape: [data.length], data });
  return g.apply('Gather', [source, at], { axis: int(1) });
}

/**
 * The same sums as a convolution: batch and channels change places, d is the kernel, and what was the stride of the
 * windows is now the distance between elements of the kernel.
 */
export function byExchange(g: GraphBuilder, { x, d, shape, window, groups }: WeightProduct): Value {
  const [, perGroup = 0, ...kernel] = shape;
  const [batch = 0, , ...lengths] = x.shape;
  const swap = (value: Value) => g.transpose(value, [1, 0, ...[...value.shape.keys()].slice(2)]);
  const split = g.reshape(x, [batch, groups, perGroup, ...lengths]);
  const order = [2, 1, 0, ...lengths.map((_, axis) => axis + 3)];
  const images = g.reshape(g.transpose(split, order), [perGroup, groups * batch, ...lengths]);
  const exchanged = window.map(({ stride, dilation, begin, end }, axis) => {
    return { kernel: d.shape[axis + 2] ?? 1, stride: dilation, dilation: stride, begin, end };
  });
  const attributes = { ...windowAttributes(exchanged), group: int(groups) };
  const sums = g.apply('Conv', [images, swap(d)], attributes);
  // Unseen rows make for elements behind the kernel.
  const axes = kernel.map((_, axis) => axis + 2);
  const starts = g.integers(kernel.map(() => 0));
  const isLonger = axes.some((axis) => sums.shape[axis] !== shape[axis]);
  const cut = () => g.apply('Slice', [sums, starts, g.integers(kernel), g.integers(axes)]);
  return swap(isLonger ? cut() : sums);
}

export const CONVOLUTION_GRADIENTS = {
  Conv: conv,
  ConvTranspose: convTranspose,
} satisfies Record<string, GradientRule>;
