/**
 * Cases of pooling: windows side by side, overlapping, apart, padded and spread out.
 */
import { type Attributes, int, ints } from '../../../../client/graph/attribute.ts';
import type { OperatorCase } from './operator-case.ts';

interface Geometry {
  readonly strides?: number[];
  readonly dilations?: number[];
  readonly pads?: number[];
}

function pooling(how: string, x: number[], kernel: number[], geometry: Geometry = {}): OperatorCase[] {
  const { strides, dilations, pads } = geometry;
  const attributes: Attributes = {
    kernel_shape: ints(kernel),
    ...(strides && { strides: ints(strides) }),
    ...(dilations && { dilations: ints(dilations) }),
    ...(pads && { pads: ints(pads) }),
  };
  return [
    {
      name: `MaxPool, ${how}`,
      op: 'MaxPool',
      inputs: [x],
      range: [-3, 1],
      build: (g, inputs) => g.apply('MaxPool', inputs, attributes),
    },
    {
      name: `AveragePool, ${how}`,
      op: 'AveragePool',
      inputs: [x],
      range: [-2, 2],
      build: (g, inputs) => g.apply('AveragePool', inputs, { ...attributes, count_include_pad: int(1) }),
    },
  ];
}

export const POOLING_CASES: readonly OperatorCase[] = [
  pooling('side by side', [2, 2, 4, 6], [2, 3], { strides: [2, 3] }),
  pooling('side by side, large', [1, 2, 12, 8], [6, 8], { strides: [6, 8] }),
  pooling('side by side, the rest unseen', [1, 2, 5, 7], [2, 2], { strides: [2, 2] }),
  pooling('overlapping', [2, 1, 5, 5], [3, 2]),
  pooling('overlapping, stride, padded', [1, 2, 6, 5], [3, 3], { strides: [2, 2], pads: [1, 1, 1, 1] }),
  pooling('padding of its own on every side', [1, 1, 4, 4], [3, 3], { pads: [2, 0, 1, 1] }),
  pooling('apart', [1, 2, 7, 7], [2, 2], { strides: [3, 4] }),
  pooling('dilation, padded', [1, 2, 6, 7], [2, 3], { dilations: [2, 2], pads: [1, 2, 0, 1] }),
  pooling('one element', [1, 2, 3, 3], [1, 1], { strides: [2, 2] }),
  pooling('one axis', [2, 2, 9], [3], { strides: [2], pads: [1, 1] }),
  pooling('three axes', [1, 1, 4, 3, 4], [2, 2, 3], { strides: [2, 1, 1] }),
].flat();
