/**
 * Kernel of layer normalisation.
 */
import { floatAttribute, intAttribute } from '../attribute.ts';
import { elementCount } from '../tensor-type.ts';
import { type Kernel, present } from './kernel.ts';

const layerNormalization: Kernel = ([array, scale, bias], attributes) => {
  const { shape, data } = present(array);
  const asked = intAttribute(attributes, 'axis', -1);
  const axis = asked < 0 ? asked + shape.length : asked;
  const epsilon = Math.fround(floatAttribute(attributes, 'epsilon', 1e-5));
  const size = elementCount(shape.slice(axis));
  const kept = shape.map((length, index) => (index < axis ? length : 1));
  const [means, inverses] = [new Float64Array(elementCount(kept)), new Float64Array(elementCount(kept))];
  const result = new Float64Array(data.length);
  for (let row = 0; row < means.length; row += 1) {
    const values = data.subarray(row * size, (row + 1) * size);
    const mean = values.reduce((sum, value) => sum + value, 0) / size;
    const variance = values.reduce((sum, value) => sum + (value - mean) ** 2, 0) / size;
    const inverse = 1 / Math.sqrt(variance + epsilon);
    values.forEach((value, at) => {
      const normal = (value - mean) * inverse;
      result[row * size + at] = normal * (present(scale).data[at] ?? Number.NaN) + (bias?.data[at] ?? 0);
    });
    means[row] = mean;
    inverses[row] = inverse;
  }
  return [
    { shape, data: result },
    { shape: kept, data: means },
    { shape: kept, data: inverses },
  ];
};

export const NORMALIZATION_KERNELS = { LayerNormalization: layerNormalization } satisfies Record<
  string,
  Kernel
>;
