/**
 * Arrays laid side by side along an axis, and the reverse, in float64.
 */
import { intAttribute } from '../attribute.ts';
import { axisLength } from '../tensor-type.ts';
import { axisOf, type Kernel, present } from './kernel.ts';
import { element, generate } from './nd-array.ts';

const concat: Kernel = (inputs, attributes) => {
  const arrays = inputs.map(present);
  const { shape } = present(inputs[0]);
  const axis = axisOf(attributes, shape.length, 0);
  const owners = arrays.flatMap((array) =>
    Array.from({ length: axisLength(array.shape, axis) }, (_, place) => ({ array, place })),
  );
  return generate(shape.with(axis, owners.length), (index) => {
    const owner = owners[index[axis] ?? 0];
    return element(present(owner?.array), index.with(axis, owner?.place ?? 0));
  });
};

const split: Kernel = ([array, lengths], attributes) => {
  const { shape } = present(array);
  const axis = axisOf(attributes, shape.length, 0);
  const whole = axisLength(shape, axis);
  const count = intAttribute(attributes, 'num_outputs', 1);
  const even = Array.from({ length: count }, () => Math.ceil(whole / count));
  let start = 0;
  return Array.from(lengths?.data ?? even, (asked) => {
    const from = start;
    const length = Math.min(asked, whole - from);
    start += length;
    return generate(shape.with(axis, length), (index) =>
      element(present(array), index.with(axis, from + (index[axis] ?? 0))),
    );
  });
};

export const JOIN_KERNELS = { Concat: concat, Split: split } satisfies Record<string, Kernel>;
