/**
 * Kernels of operators that only arrange elements.
 */
import { intsAttribute } from '../attribute.ts';
import { axisLength } from '../tensor-type.ts';
import { type Kernel, present } from './kernel.ts';
import { element, generate } from './nd-array.ts';

const transpose: Kernel = ([array], attributes) => {
  const { shape } = present(array);
  const order = intsAttribute(attributes, 'perm') ?? [...shape.keys()].reverse();
  return generate(
    order.map((axis) => axisLength(shape, axis)),
    (index) => {
      const source = shape.map(() => 0);
      order.forEach((axis, position) => {
        source[axis] = index[position] ?? 0;
      });
      return element(present(array), source);
    },
  );
};

const view: Kernel = ([array], _, shape) => ({ shape, data: present(array).data });

const expand: Kernel = ([array], _, shape) => generate(shape, (index) => element(present(array), index));

export const VIEW_KERNELS = {
  Expand: expand,
  Flatten: view,
  Reshape: view,
  Squeeze: view,
  Transpose: transpose,
  Unsqueeze: view,
} satisfies Record<string, Kernel>;
