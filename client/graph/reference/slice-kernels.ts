/**
 * Parts of arrays, and arrays with something around them, in float64: position by position along every axis.
 */
import { stringAttribute } from '../attribute.ts';
import { type Kernel, present } from './kernel.ts';
import { element, generate, type NdArray } from './nd-array.ts';

/** One array with these positions of each axis, in this order; `otherwise` where a position is undefined. */
function pick(array: NdArray, positions: readonly (number | undefined)[][], otherwise: number): NdArray {
  return generate(
    positions.map((list) => list.length),
    (index) => {
      const source = positions.map((list, axis) => list[index[axis] ?? 0]);
      return source.every((position) => position !== undefined) ? element(array, source) : otherwise;
    },
  );
}

const slice: Kernel = ([array, starts, ends, axes, steps]) => {
  const { shape } = present(array);
  const positions = shape.map((length) => [...Array(length).keys()]);
  present(starts).data.forEach((from, index) => {
    const asked = axes?.data[index] ?? index;
    const axis = asked < 0 ? asked + shape.length : asked;
    const length = shape[axis] ?? 0;
    const step = steps?.data[index] ?? 1;
    const counted = (position: number) => (position < 0 ? position + length : position);
    const stop = counted(present(ends).data[index] ?? 0);
    const kept: number[] = [];
    // Positions before the first become the first, also backwards: there numpy has none.
    const first = Math.min(Math.max(counted(from), 0), step > 0 ? length : length - 1);
    for (let at = first; step > 0 ? at < stop && at < length : at > stop && at >= 0; at += step)
      kept.push(at);
    positions[axis] = kept;
  });
  return pick(present(array), positions, Number.NaN);
};

const pad: Kernel = ([array, pads, value, axes], attributes) => {
  const { shape } = present(array);
  const mode = stringAttribute(attributes, 'mode', 'constant');
  const named = Array.from(axes?.data ?? shape.keys());
  const positions: (number | undefined)[][] = shape.map((length) => [...Array(length).keys()]);
  named.forEach((asked, index) => {
    const axis = asked < 0 ? asked + shape.length : asked;
    const last = (shape[axis] ?? 0) - 1;
    const before = present(pads).data[index] ?? 0;
    const after = present(pads).data[index + named.length] ?? 0;
    positions[axis] = Array.from({ length: before + last + 1 + after }, (_, place) => {
      const at = place - before;
      if (at >= 0 && at <= last) return at;
      if (mode === 'constant') return undefined;
      if (mode === 'edge') return at < 0 ? 0 : last;
      return at < 0 ? -at : 2 * last - at;
    });
  });
  return pick(present(array), positions, value?.data[0] ?? 0);
};

export const SLICE_KERNELS = { Pad: pad, Slice: slice } satisfies Record<string, Kernel>;
