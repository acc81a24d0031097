/**
 * Elements picked by indices, and put where indices say, in float64.
 */
import { stringAttribute } from '../attribute.ts';
import { axisLength } from '../tensor-type.ts';
import { axisOf, type Kernel, present } from './kernel.ts';
import { element, flatIndex, generate } from './nd-array.ts';

/** A position in an axis; throws RangeError beyond it, as ONNX Runtime refuses to go on there. */
function position(index: number, length: number): number {
  if (!(index >= -length && index < length)) throw new RangeError(`index ${index} into an axis of ${length}`);
  return index < 0 ? index + length : index;
}

const gather: Kernel = ([array, indices], attributes) => {
  const { shape } = present(array);
  const axis = axisOf(attributes, shape.length, 0);
  const picked = present(indices);
  const inner = axis + picked.shape.length;
  return generate([...shape.slice(0, axis), ...picked.shape, ...shape.slice(axis + 1)], (index) => {
    const at = position(element(picked, index.slice(axis, inner)), axisLength(shape, axis));
    return element(present(array), [...index.slice(0, axis), at, ...index.slice(inner)]);
  });
};

const gatherElements: Kernel = ([array, indices], attributes) => {
  const { shape } = present(array);
  const axis = axisOf(attributes, shape.length, 0);
  return generate(present(indices).shape, (index) => {
    const at = position(element(present(indices), index), axisLength(shape, axis));
    return element(present(array), index.with(axis, at));
  });
};

const scatterElements: Kernel = ([array, indices, updates], attributes) => {
  const { shape, data } = present(array);
  const axis = axisOf(attributes, shape.length, 0);
  const isSum = stringAttribute(attributes, 'reduction', 'none') === 'add';
  const result = { shape, data: Float64Array.from(data) };
  generate(present(indices).shape, (index) => {
    const at = position(element(present(indices), index), axisLength(shape, axis));
    const flat = flatIndex(result, index.with(axis, at));
    const update = element(present(updates), index);
    result.data[flat] = isSum ? (result.data[flat] ?? 0) + update : update;
    return 0;
  });
  return result;
};

export const GATHER_KERNELS = {
  Gather: gather,
  GatherElements: gatherElements,
  ScatterElements: scatterElements,
} satisfies Record<string, Kernel>;
