/**
 * Convolutions and pooling in float64, by their definitions: every window by way of the list of where its elements
 * lie. Products of weights and windows are plain loops, as gradient checks run whole networks hundreds of times.
 */
import { type Attributes, intAttribute, intsAttribute } from '../attribute.ts';
import { elementCount, type Shape } from '../tensor-type.ts';
import { readWindow, transposedLength, type WindowAxis, windowIndices, windowPositions } from '../window.ts';
import { type Kernel, present } from './kernel.ts';
import { addProduct, type Matrix, transposed } from './linear-kernels.ts';
import type { NdArray } from './nd-array.ts';

function windowOf(attributes: Attributes, kernel: readonly number[]): WindowAxis[] {
  const fail = (reason: string): never => {
    throw new RangeError(reason);
  };
  return readWindow({ attributes, fail }, kernel);
}

/** y[n, o, i] = b[o] + sum over c, a of w[o, c, a] x[n, c, s i - begin + d a]. */
const conv: Kernel = ([images, kernels, bias], attributes) => {
  const [x, weight] = [present(images), present(kernels)];
  const [batch = 0, channels = 0, ...lengths] = x.shape;
  const [outputs = 0, perGroup = 0, ...kernel] = weight.shape;
  const groups = channels / perGroup;
  const window = windowOf(attributes, kernel);
  const positions = window.map((axis, index) => windowPositions(axis, lengths[index] ?? 0));
  const indices = windowIndices(window, lengths, positions);
  const [size, places] = [elementCount(lengths), elementCount(positions)];
  const inner = perGroup * elementCount(kernel);
  const made = outputs / groups;
  const data = filled([batch, outputs, places], bias);
  for (let n = 0; n < batch; n += 1)
    for (let group = 0; group < groups; group += 1) {
      const from = { data: x.data, start: (n * channels + group * perGroup) * size };
      const columns = gathered(from, { channels: perGroup, size, indices });
      const to = { data, start: (n * outputs + group * made) * places };
      addProduct(to, { data: weight.data, start: group * made * inner }, columns, [made, inner, places]);
    }
  return { shape: [batch, outputs, ...positions], data };
};

/** y[n, o, s i - begin + d a] = b[o] + sum over c, i, a of w[c, o, a] x[n, c, i]. */
const convTranspose: Kernel = ([images, kernels, bias], attributes) => {
  const [x, weight] = [present(images), present(kernels)];
  const [batch = 0, channels = 0, ...lengths] = x.shape;
  const [, made = 0, ...kernel] = weight.shape;
  const groups = intAttribute(attributes, 'group', 1);
  const perGroup = channels / groups;
  const window = windowOf(attributes, kernel);
  const added = intsAttribute(attributes, 'output_padding') ?? [];
  const results = window.map(
    (axis, index) => transposedLength(axis, lengths[index] ?? 0) + (added[index] ?? 0),
  );
  const indices = windowIndices(window, results, lengths);
  const [places, size] = [elementCount(lengths), elementCount(results)];
  const inner = made * elementCount(kernel);
  const data = filled([batch, made * groups, size], bias);
  for (let group = 0; group < groups; group += 1) {
    const part = { data: weight.data, start: group * perGroup * inner };
    const byResult = transposed(part, perGroup, inner);
    for (let n = 0; n < batch; n += 1) {
      const columns = { data: new Float64Array(inner * places), start: 0 };
      const from = { data: x.data, start: (n * channels + group * perGroup) * places };
      addProduct(columns, byResult, from, [inner, perGroup, places]);
      const to = { data, start: (n * groups + group) * made * size };
      scatter(columns.data, to, { channels: made, size, indices });
    }
  }
  return { shape: [batch, made * groups, ...results], data };
};

interface Windows {
  readonly channels: number;
  /** Elements of one channel. */
  readonly size: number;
  readonly indices: Int32Array;
}

/** The windows of every channel below one another: [channels, elements of a window, positions]; 0 in the padding. */
function gathered(images: Matrix, { channels, size, indices }: Windows): Matrix {
  const data = new Float64Array(channels * indices.length);
  for (let channel = 0, at = 0; channel < channels; channel += 1) {
    const start = images.start + channel * size;
    for (let entry = 0; entry < indices.length; entry += 1, at += 1) {
      const index = indices[entry] as number;
      if (index >= 0) data[at] = images.data[start + index] as number;
    }
  }
  return { data, start: 0 };
}

/** The transposed: adds every element of every window to where it came from. */
function scatter(windows: Float64Array, images: Matrix, { channels, size, indices }: Windows): void {
  for (let channel = 0, at = 0; channel < channels; channel += 1) {
    const start = images.start + channel * size;
    for (let entry = 0; entry < indices.length; entry += 1, at += 1) {
      const index = indices[entry] as number;
      if (index >= 0)
        images.data[start + index] = (images.data[start + index] as number) + (windows[at] as number);
    }
  }
}

/** [batch, channels, size] with the bias of the channel everywhere. */
function filled(shape: readonly [number, number, number], bias: NdArray | undefined): Float64Array {
  const [, channels, size] = shape;
  const data = new Float64Array(elementCount(shape));
  if (!bias) return data;
  for (let start = 0; start < data.length; start += size)
    data.fill(bias.data[(start / size) % channels] ?? Number.NaN, start, start + size);
  return data;
}

/** Largest element of every window, padding not counted. */
const maxPool: Kernel = ([x], attributes) =>
  pool(present(x), attributes, Number.NEGATIVE_INFINITY, (a, b) => Math.max(a, b));

/** Sum of every window over its number of elements, padding counted as 0. */
const averagePool: Kernel = ([x], attributes) => {
  const { shape, data } = pool(present(x), attributes, 0, (a, b) => a + b);
  const count = elementCount(intsAttribute(attributes, 'kernel_shape') ?? []);
  return { shape, data: data.map((sum) => sum / count) };
};

function pool(
  x: NdArray,
  attributes: Attributes,
  start: number,
  combine: (a: number, b: number) => number,
): NdArray {
  const [batch = 0, channels = 0, ...lengths] = x.shape;
  const window = windowOf(attributes, intsAttribute(attributes, 'kernel_shape') ?? []);
  const positions = window.map((axis, index) => windowPositions(axis, lengths[index] ?? 0));
  const indices = windowIndices(window, lengths, positions);
  const [size, places] = [elementCount(lengths), elementCount(positions)];
  const shape: Shape = [batch, channels, ...positions];
  const data = new Float64Array(elementCount(shape)).fill(start);
  for (let image = 0; image < batch * channels; image += 1)
    for (let entry = 0; entry < indices.length; entry += 1) {
      const index = indices[entry] as number;
      if (index < 0) continue;
      const at = image * places + (entry % places);
      data[at] = combine(data[at] as number, x.data[image * size + index] as number);
    }
  return { shape, data };
}

export const WINDOW_KERNELS = {
  AveragePool: averagePool,
  Conv: conv,
  ConvTranspose: convTranspose,
  MaxPool: maxPool,
} satisfies Record<string, Kernel>;
