/**
 * Sliding windows: where a convolution or a pooling looks. ONNX operator specifications of Conv, ConvTranspose,
 * MaxPool and AveragePool, opset 20.
 *
 * Along an axis of length L a window of k elements, d apart, moves by s from position to position over the axis with
 * b zeros in front and e behind it. It spans d (k - 1) + 1, and there are
 *
 *   floor((L + b + e - span) / s) + 1
 *
 * positions; element a of window i lies at s i - b + d a. All rules and kernels take geometry in this resolved form:
 * `auto_pad`, `ceil_mode` and absent attributes are replaced by numbers in the lowerings.
 */
import { type Attributes, ints } from './attribute.ts';

/** One axis. All are integers; those named in the equation above are k, s, d, b and e. */
export interface WindowAxis {
  readonly kernel: number;
  readonly stride: number;
  readonly dilation: number;
  readonly begin: number;
  readonly end: number;
}

/** Largest kernel, stride, dilation or padding of an axis: far beyond any model, and sums and products stay exact. */
const MAX_GEOMETRY = 1 << 20;

/** Padding that no maximum is taken from: below every float32 that a network computes, and finite. */
export const LOWEST = -3.4e38;

/** The distance from the first to the last element of a window, both included. */
export function windowSpan({ kernel, dilation }: WindowAxis): number {
  return dilation * (kernel - 1) + 1;
}

/** How many positions a window has along an axis of this length; below 1 where it does not fit. */
export function windowPositions(axis: WindowAxis, length: number): number {
  return Math.floor((length + axis.begin + axis.end - windowSpan(axis)) / axis.stride) + 1;
}

/** Whether each of these windows has an element on the axis, not only in its padding. */
export function everyWindowSees(axis: WindowAxis, length: number, positions: number): boolean {
  const { kernel, stride, dilation, begin } = axis;
  if (stride * (positions - 1) - begin >= length) return false;
  for (let start = -begin; start < 0; start += stride) {
    const first = Math.ceil(-start / dilation);
    if (first >= kernel || start + first * dilation >= length) return false;
  }
  return true;
}

/** The length of the axis that a transposed convolution makes of one of this length, without output padding. */
export function transposedLength(axis: WindowAxis, length: number): number {
  return axis.stride * (length - 1) + windowSpan(axis) - axis.begin - axis.end;
}

/** Reads geometry for rules, which refuse what they do not understand. */
interface Reader {
  readonly attributes: Attributes;
  fail(reason: string): never;
}

/**
 * The window of a node with explicit padding.
 * @param kernel lengths of the window, of the weight where there is one; each other axis count is refused
 */
export function readWindow(reader: Reader, kernel: readonly number[]): WindowAxis[] {
  const axes = kernel.length;
  const asked = readIntegers(reader, 'kernel_shape', axes, 1);
  if (asked?.some((length, axis) => length !== kernel[axis]))
    reader.fail(`kernel_shape [${asked}] where the weight has [${kernel}]`);
  const strides = readIntegers(reader, 'strides', axes, 1);
  const dilations = readIntegers(reader, 'dilations', axes, 1);
  const pads = readIntegers(reader, 'pads', 2 * axes, 0);
  return kernel.map((length, axis) => {
    if (length < 1 || length > MAX_GEOMETRY) reader.fail(`window of ${length}`);
    return {
      kernel: length,
      stride: strides?.[axis] ?? 1,
      dilation: dilations?.[axis] ?? 1,
      begin: pads?.[axis] ?? 0,
      end: pads?.[axes + axis] ?? 0,
    };
  });
}

/** A list attribute of `count` integers from `least` on; undefined where it is absent. */
export function readIntegers(
  { attributes, fail }: Reader,
  name: string,
  count: number,
  least: number,
): readonly number[] | undefined {
  const attribute = attributes[name];
  if (attribute === undefined) return undefined;
  if (attribute.kind !== 'ints') return fail(`${name} must be a list of integers`);
  const { value } = attribute;
  if (value.length !== count) fail(`${name} has ${value.length} entries where ${count} are needed`);
  const possible = value.every((entry) => entry >= least && entry <= MAX_GEOMETRY);
  return possible ? value : fail(`${name} [${value}] is not in [${least}, ${MAX_GEOMETRY}]`);
}

/** An integer attribute from `least` on. */
export function readInteger(
  { attributes, fail }: Reader,
  name: string,
  otherwise: number,
  least = 0,
): number {
  const attribute = attributes[name];
  if (attribute === undefined) return otherwise;
  const isInteger = attribute.kind === 'int' && attribute.value >= least;
  return isInteger ? attribute.value : fail(`${name} must be an integer from ${least} on`);
}

/** Refuses attributes that the operator does not have, or that have been resolved before they get here. */
export function onlyAttributes({ attributes, fail }: Reader, known: readonly string[]): void {
  const other = Object.keys(attributes).find((name) => !known.includes(name));
  if (other !== undefined) fail(`attribute ${other} is not supported here`);
}

/** The geometry as attributes, each stated whether or not it is the default. */
export function windowAttributes(window: readonly WindowAxis[]): Attributes {
  return {
    kernel_shape: ints(window.map(({ kernel }) => kernel)),
    strides: ints(window.map(({ stride }) => stride)),
    dilations: ints(window.map(({ dilation }) => dilation)),
    pads: ints([...window.map(({ begin }) => begin), ...window.map(({ end }) => end)]),
  };
}

/**
 * Where every element of every window lies.
 * @param lengths   of the axes that the window moves over
 * @param positions of the window along each axis
 * @returns [elements of a window, positions], both row-major: the flat index into the axes, -1 in the padding
 */
export function windowIndices(
  window: readonly WindowAxis[],
  lengths: readonly number[],
  positions: readonly number[],
): Int32Array {
  let indices = Int32Array.of(0);
  let [elements, places] = [1, 1];
  window.forEach(({ kernel, stride, dilation, begin }, axis) => {
    const length = lengths[axis] ?? 0;
    const count = positions[axis] ?? 0;
    const next = new Int32Array(indices.length * kernel * count);
    let at = 0;
    for (let element = 0; element < elements; element += 1)
      for (let a = 0; a < kernel; a += 1)
        for (let place = 0; place < places; place += 1) {
          const outer = indices[element * places + place] as number;
          for (let i = 0; i < count; i += 1, at += 1) {
            const along = stride * i - begin + dilation * a;
            next[at] = outer < 0 || along < 0 || along >= length ? -1 : outer * length + along;
          }
        }
    indices = next;
    elements *= kernel;
    places *= count;
  });
  return indices;
}
