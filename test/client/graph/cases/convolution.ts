/**
 * Cases of convolutions and their transposed: strides, distances between elements, groups and padding, one by one and
 * together, on lines, images and volumes.
 */
import { type Attributes, int, ints } from '../../../../client/graph/attribute.ts';
import type { Operator } from '../../../../client/graph/shapes/shape-rules.ts';
import type { OperatorCase } from './operator-case.ts';

interface Geometry {
  readonly strides?: number[];
  readonly dilations?: number[];
  readonly pads?: number[];
  readonly group?: number;
  readonly added?: number[];
}

function attributesOf({ strides, dilations, pads, group, added }: Geometry): Attributes {
  return {
    ...(strides && { strides: ints(strides) }),
    ...(dilations && { dilations: ints(dilations) }),
    ...(pads && { pads: ints(pads) }),
    ...(group && { group: int(group) }),
    ...(added && { output_padding: ints(added) }),
  };
}

function windowed(op: Operator, how: string, inputs: number[][], geometry: Geometry): OperatorCase {
  const attributes = attributesOf(geometry);
  return {
    name: `${op}, ${how}`,
    op,
    inputs,
    range: [-1, 1],
    build: (g, all) => g.apply(op, all, attributes),
  };
}

function conv(how: string, x: number[], weight: number[], geometry: Geometry = {}): OperatorCase {
  return windowed('Conv', how, [x, weight], geometry);
}

function transposed(how: string, x: number[], weight: number[], geometry: Geometry = {}): OperatorCase {
  return windowed('ConvTranspose', how, [x, weight], geometry);
}

export const CONVOLUTION_CASES: readonly OperatorCase[] = [
  conv('plain', [2, 2, 4, 5], [3, 2, 2, 3]),
  windowed('Conv', 'bias', [[2, 2, 4, 4], [3, 2, 3, 3], [3]], { pads: [1, 1, 1, 1] }),
  conv('kernel of one element', [2, 3, 3, 2], [2, 3, 1, 1]),
  conv('kernel of one element, padded', [1, 2, 2, 2], [2, 2, 1, 1], { pads: [1, 0, 0, 2] }),
  conv('padding of its own on every side', [1, 2, 4, 3], [2, 2, 3, 2], { pads: [2, 0, 1, 1] }),
  conv('stride', [2, 2, 5, 7], [2, 2, 3, 3], { strides: [2, 2] }),
  conv('stride that leaves rows unseen', [1, 2, 6, 8], [2, 2, 2, 3], { strides: [3, 2], pads: [0, 1, 0, 0] }),
  conv('stride beyond the kernel', [1, 1, 7, 7], [1, 1, 2, 2], { strides: [3, 4] }),
  conv('dilation', [1, 2, 6, 5], [2, 2, 2, 2], { dilations: [3, 2] }),
  conv('stride, dilation and padding', [2, 1, 7, 8], [2, 1, 3, 2], {
    strides: [2, 3],
    dilations: [2, 3],
    pads: [1, 2, 2, 1],
  }),
  conv('groups', [2, 4, 3, 4], [6, 2, 2, 2], { group: 2 }),
  conv('depthwise', [2, 3, 4, 4], [3, 1, 3, 3], { group: 3, pads: [1, 1, 1, 1] }),
  conv('depthwise, two outputs per channel, stride', [2, 2, 5, 5], [4, 1, 3, 3], {
    group: 2,
    strides: [2, 2],
    pads: [1, 1, 1, 1],
  }),
  conv('one axis', [2, 2, 8], [3, 2, 3], { strides: [2], dilations: [2], pads: [1, 2] }),
  conv('three axes', [1, 2, 3, 4, 3], [2, 2, 2, 2, 2], { strides: [1, 2, 1], pads: [1, 0, 0, 0, 1, 1] }),
  transposed('plain', [2, 2, 3, 2], [2, 3, 2, 3]),
  windowed('ConvTranspose', 'bias', [[1, 2, 3, 3], [2, 2, 2, 2], [2]], { strides: [2, 2] }),
  transposed('stride and padding', [1, 2, 3, 4], [2, 2, 3, 3], { strides: [2, 2], pads: [1, 1, 0, 1] }),
  transposed('stride beyond the kernel, and more behind it', [1, 1, 3, 2], [1, 2, 2, 2], {
    strides: [3, 4],
    added: [2, 3],
  }),
  transposed('output padding', [2, 2, 3, 3], [2, 2, 3, 3], {
    strides: [2, 3],
    pads: [1, 1, 1, 1],
    added: [1, 2],
  }),
  transposed('dilation', [1, 2, 3, 3], [2, 1, 2, 3], { dilations: [2, 3], pads: [1, 2, 1, 2] }),
  transposed('groups', [2, 4, 2, 3], [4, 3, 2, 2], { group: 2, strides: [2, 1] }),
  transposed('depthwise', [1, 3, 3, 3], [3, 1, 3, 3], { group: 3, strides: [2, 2], pads: [1, 1, 1, 1] }),
  transposed('one axis', [2, 2, 4], [2, 3, 3], { strides: [2], pads: [1, 0], added: [1] }),
  transposed('three axes', [1, 1, 2, 2, 2], [1, 2, 2, 3, 2], { strides: [2, 1, 2] }),
];
