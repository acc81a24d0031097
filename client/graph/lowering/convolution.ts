/**
 * Convolutions as models have them: padding by name or by the length of the result becomes padding in numbers.
 *
 *   SAME:  ceil(L / s) positions; what they need beyond the axis is split between both ends, and of an odd number the
 *          larger half is at the end (SAME_UPPER) or at the start (SAME_LOWER)
 *   VALID: none
 *
 * A transposed convolution cuts padding off, so there it is what exceeds s L or the asked length; where a length is
 * asked without a name, the larger half is cut at the start.
 */
import { int, ints, stringAttribute } from '../attribute.ts';
import type { Value } from '../graph.ts';
import {
  onlyAttributes,
  readInteger,
  readIntegers,
  readWindow,
  transposedLength,
  type WindowAxis,
  windowAttributes,
  windowSpan,
} from '../window.ts';
import type { LoweringQuery } from './lowering-rule.ts';

const GEOMETRY = ['kernel_shape', 'strides', 'dilations', 'pads', 'auto_pad', 'group'];

const PADDINGS = ['NOTSET', 'SAME_UPPER', 'SAME_LOWER', 'VALID'] as const;

export type Padding = (typeof PADDINGS)[number];

/** The attribute `auto_pad`; refuses numbers beside a name. */
export function paddingOf({ attributes, fail }: LoweringQuery): Padding {
  const attribute = attributes.auto_pad;
  if (attribute !== undefined && attribute.kind !== 'string') return fail('auto_pad must be a string');
  const asked = stringAttribute(attributes, 'auto_pad', 'NOTSET');
  const padding = PADDINGS.find((name) => name === asked);
  if (padding === undefined) return fail(`auto_pad ${asked}; ${PADDINGS} are known`);
  const { pads } = attributes;
  const isGiven = pads?.kind === 'ints' && pads.value.some((pad) => pad !== 0);
  return padding !== 'NOTSET' && isGiven ? fail(`pads beside auto_pad ${padding}`) : padding;
}

/** Both ends of `total` zeros. */
function split(total: number, padding: Padding): { begin: number; end: number } {
  const [smaller, larger] = [Math.floor(total / 2), Math.ceil(total / 2)];
  return padding === 'SAME_UPPER' ? { begin: smaller, end: larger } : { begin: larger, end: smaller };
}

/** The axis with the padding that the name stands for on an axis of this length. */
export function namedPadding(axis: WindowAxis, length: number, padding: Padding): WindowAxis {
  if (padding === 'NOTSET') return axis;
  if (padding === 'VALID') return { ...axis, begin: 0, end: 0 };
  const positions = Math.ceil(length / axis.stride);
  const needed = (positions - 1) * axis.stride + windowSpan(axis) - length;
  return { ...axis, ...split(Math.max(0, needed), padding) };
}

function conv(query: LoweringQuery): Value {
  onlyAttributes(query, GEOMETRY);
  const padding = paddingOf(query);
  const [lengths, kernel] = spatialAxes(query);
  const window = readWindow(query, kernel).map((axis, index) =>
    namedPadding(axis, lengths[index] ?? 0, padding),
  );
  const attributes = { ...windowAttributes(window), group: int(readInteger(query, 'group', 1, 1)) };
  return query.g.apply('Conv', query.inputs, attributes, query.label);
}

function convTranspose(query: LoweringQuery): Value {
  onlyAttributes(query, [...GEOMETRY, 'output_padding', 'output_shape']);
  const padding = paddingOf(query);
  const [lengths, kernel] = spatialAxes(query);
  const given = readWindow(query, kernel);
  const added = readIntegers(query, 'output_padding', kernel.length, 0) ?? kernel.map(() => 0);
  const asked = readIntegers(query, 'output_shape', kernel.length, 1);
  const isSame = padding === 'SAME_UPPER' || padding === 'SAME_LOWER';
  const window = given.map((axis, index) => {
    const length = lengths[index] ?? 0;
    const target = asked?.[index] ?? (isSame ? axis.stride * length : undefined);
    if (target === undefined) return namedPadding(axis, length, padding);
    const unpadded = { ...axis, begin: 0, end: 0 };
    const total = transposedLength(unpadded, length) + (added[index] ?? 0) - target;
    if (total < 0) return query.fail(`a length of ${target} is ${-total} more than there is`);
    return { ...axis, ...split(total, padding) };
  });
  const attributes = {
    ...windowAttributes(window),
    group: int(readInteger(query, 'group', 1, 1)),
    output_padding: ints(added),
  };
  return query.g.apply('ConvTranspose', query.inputs, attributes, query.label);
}

/** The lengths of the axes behind batch and channels, of the images and of the kernels. */
function spatialAxes(query: LoweringQuery): [lengths: number[], kernel: number[]] {
  const [x, weight] = [query.input(0).shape, query.input(1).shape];
  if (x.length < 3 || x.length > 5 || weight.length !== x.length)
    query.fail(`shapes [${x}] and [${weight}] are not a batch of images and kernels for it`);
  return [x.slice(2), weight.slice(2)];
}

export const CONVOLUTION_LOWERINGS = { Conv: conv, ConvTranspose: convTranspose };
