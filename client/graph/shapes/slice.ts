/**
 * Shapes of parts of tensors, and of tensors with something around them.
 */
import { stringAttribute } from '../attribute.ts';
import { axisLength, normalizeAxes, type Shape, type TensorType } from '../tensor-type.ts';
import {
  atMostInputs,
  expectType,
  integersInput,
  positionsInput,
  requiredInput,
  type ShapeQuery,
} from './shape-rule.ts';

/** What is kept of one axis: `count` positions from `start`, `step` apart. */
export interface Stride {
  readonly start: number;
  /** Not 0; negative where the axis is read backwards. */
  readonly step: number;
  readonly count: number;
}

/** The arguments of Slice as they are given: lists of one length, for the axes that they name. */
export interface SliceArguments {
  readonly starts: readonly number[];
  readonly ends: readonly number[];
  readonly axes: readonly number[] | undefined;
  readonly steps: readonly number[] | undefined;
}

/** What Slice keeps of every axis, or undefined where its arguments do not fit the shape. */
export function strides(shape: Shape, { starts, ends, axes, steps }: SliceArguments): Stride[] | undefined {
  const named = axes ?? [...starts.keys()];
  const lists = [ends, named, steps ?? starts];
  if (lists.some((list) => list.length !== starts.length)) return undefined;
  if (normalizeAxes(named, shape.length) === undefined) return undefined;
  const kept: Stride[] = shape.map((count) => ({ start: 0, step: 1, count }));
  for (const [index, asked] of named.entries()) {
    const axis = asked < 0 ? asked + shape.length : asked;
    const length = axisLength(shape, axis);
    const step = steps?.[index] ?? 1;
    if (step === 0) return undefined;
    const [lowest, highest] = step > 0 ? [0, length] : [-1, length - 1];
    const clamp = (position: number) =>
      Math.min(Math.max(position < 0 ? position + length : position, lowest), highest);
    // Backwards only an end can lie before all positions; a start becomes the first of them.
    const start = Math.max(clamp(starts[index] ?? 0), 0);
    const count = length > 0 ? Math.max(0, Math.ceil((clamp(ends[index] ?? 0) - start) / step)) : 0;
    kept[axis] = { start, step, count };
  }
  return kept;
}

function slice(query: ShapeQuery): TensorType {
  atMostInputs(query, 5);
  const { dtype, shape } = requiredInput(query, 0);
  const starts = positionsInput(query, 1) ?? query.fail('input 1 is missing');
  const ends = positionsInput(query, 2) ?? query.fail('input 2 is missing');
  const axes = integersInput(query, 3);
  const steps = positionsInput(query, 4);
  const kept = strides(shape, { starts, ends, axes, steps });
  if (!kept) return query.fail(`${starts} to ${ends} by ${steps ?? 1}, axes ${axes ?? 'all'} of [${shape}]`);
  return { dtype, shape: kept.map(({ count }) => count) };
}

const PAD_MODES = ['constant', 'reflect', 'edge'] as const;

/** How much Pad adds before and after every axis, or undefined where its arguments do not fit the rank. */
export function padding(
  rank: number,
  pads: readonly number[],
  axes: readonly number[] | undefined,
): { before: number[]; after: number[] } | undefined {
  const named = axes ?? [...Array(rank).keys()];
  if (pads.length !== 2 * named.length || normalizeAxes(named, rank) === undefined) return undefined;
  const before = Array<number>(rank).fill(0);
  const after = Array<number>(rank).fill(0);
  for (const [index, asked] of named.entries()) {
    const axis = asked < 0 ? asked + rank : asked;
    before[axis] = pads[index] ?? 0;
    after[axis] = pads[index + named.length] ?? 0;
  }
  return { before, after };
}

function pad(query: ShapeQuery): TensorType {
  atMostInputs(query, 4);
  const { dtype, shape } = requiredInput(query, 0);
  const pads = integersInput(query, 1) ?? query.fail('input 1 is missing');
  const value = query.inputs[2];
  if (value) {
    expectType(query, value, dtype);
    if (value.shape.length > 0) query.fail(`a value of shape [${value.shape}]`);
  }
  const axes = integersInput(query, 3);
  const mode = stringAttribute(query.attributes, 'mode', 'constant');
  if (!PAD_MODES.some((known) => known === mode)) query.fail(`mode ${mode}; ${PAD_MODES} are known`);
  const around = padding(shape.length, pads, axes);
  if (!around) return query.fail(`pads ${pads}, axes ${axes ?? 'all'} of [${shape}]`);
  const lengths = shape.map((length, axis) => {
    const [before = 0, after = 0] = [around.before[axis], around.after[axis]];
    // A reflection shows each element at most once, a repeated edge needs one.
    const most = mode === 'reflect' ? length - 1 : length > 0 ? Number.POSITIVE_INFINITY : 0;
    const isOdd = mode !== 'constant' && !(before >= 0 && after >= 0 && before <= most && after <= most);
    if (isOdd || length + before + after < 0) query.fail(`pads ${pads} of [${shape}], mode ${mode}`);
    return length + before + after;
  });
  return { dtype, shape: lengths };
}

export const SLICE_SHAPES = { Pad: pad, Slice: slice };
