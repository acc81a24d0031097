/**
 * Kernels of reductions.
 */
import { intAttribute } from '../attribute.ts';
import { axisLength, normalizeAxes, reducedShape } from '../tensor-type.ts';
import { type Kernel, present } from './kernel.ts';
import { element, generate, type NdArray } from './nd-array.ts';

/** Combines, for every index of the axes that stay, the elements along the others in their order. */
function combineAlong(
  array: NdArray,
  axes: readonly number[],
  keepDims: boolean,
  combine: (values: readonly number[]) => number,
): NdArray {
  const { shape } = array;
  const inner = axes.map((axis) => axisLength(shape, axis));
  const kept = generate(reducedShape(shape, axes, true), (index) => {
    const values = generate(inner, (offsets) => {
      const at = [...index];
      axes.forEach((axis, position) => {
        at[axis] = offsets[position] ?? 0;
      });
      return element(array, at);
    });
    return combine(Array.from(values.data));
  });
  return { shape: reducedShape(shape, axes, keepDims), data: kept.data };
}

function reduction(combine: (values: readonly number[]) => number): Kernel {
  return ([array, axesArray], attributes) => {
    const { shape } = present(array);
    const asked = Array.from(axesArray?.data ?? []);
    const noop = asked.length === 0 && intAttribute(attributes, 'noop_with_empty_axes', 0) !== 0;
    if (noop) return present(array);
    const axes = normalizeAxes(asked.length > 0 ? asked : [...shape.keys()], shape.length) ?? [];
    return combineAlong(present(array), axes, intAttribute(attributes, 'keepdims', 1) !== 0, combine);
  };
}

/** The place of the value that `best` picks: its first one, or with select_last_index its last. */
function place(best: (values: readonly number[]) => number): Kernel {
  return ([array], attributes) => {
    const { shape } = present(array);
    const axes = normalizeAxes([intAttribute(attributes, 'axis', 0)], shape.length) ?? [];
    const isLast = intAttribute(attributes, 'select_last_index', 0) !== 0;
    const keepDims = intAttribute(attributes, 'keepdims', 1) !== 0;
    return combineAlong(present(array), axes, keepDims, (values) =>
      isLast ? values.lastIndexOf(best(values)) : values.indexOf(best(values)),
    );
  };
}

const sum = (values: readonly number[]) => values.reduce((total, value) => total + value, 0);
const max = (values: readonly number[]) => values.reduce((a, b) => Math.max(a, b), Number.NEGATIVE_INFINITY);
const min = (values: readonly number[]) => values.reduce((a, b) => Math.min(a, b), Number.POSITIVE_INFINITY);

function logSumExp(values: readonly number[]): number {
  const largest = max(values);
  return largest + Math.log(sum(values.map((value) => Math.exp(value - largest))));
}

export const REDUCE_KERNELS = {
  ArgMax: place(max),
  ArgMin: place(min),
  ReduceL2: reduction((values) => Math.sqrt(sum(values.map((value) => value * value)))),
  ReduceLogSumExp: reduction(logSumExp),
  ReduceMax: reduction(max),
  ReduceMean: reduction((values) => sum(values) / values.length),
  ReduceMin: reduction(min),
  ReduceProd: reduction((values) => values.reduce((product, value) => product * value, 1)),
  ReduceSum: reduction(sum),
} satisfies Record<string, Kernel>;
