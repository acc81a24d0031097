/**
 * Indexing by tuples, one-hot rows and running sums, written as Gather, ScatterElements and products. ONNX operator
 * specifications: GatherND, ScatterND, OneHot, CumSum.
 */
import { int, intAttribute, string, stringAttribute } from '../attribute.ts';
import type { Value } from '../graph.ts';
import type { GraphBuilder } from '../graph-builder.ts';
import { axisLength, constantIntegers, elementCount, type Shape, sameShape } from '../tensor-type.ts';
import type { LoweringQuery } from './lowering-rule.ts';

/** Longest axis that is numbered when the graph is built. */
const MAX_NUMBERED = 1_048_576;

/** 0, 1, 2 and so on, of this type. */
function numbered(
  g: GraphBuilder,
  length: number,
  shape: Shape,
  dtype: 'int32' | 'int64' | 'float32',
): Value {
  const data = Int32Array.from({ length }, (_, place) => place);
  const whole = g.constant({ dtype: 'int32', shape, data });
  return dtype === 'int32' ? whole : g.cast(whole, dtype);
}

/** Indices counted from the end, counted from the start. */
function fromStart(g: GraphBuilder, indices: Value, lengths: Value): Value {
  const zero = g.cast(g.constant({ dtype: 'int32', shape: [], data: Int32Array.of(0) }), indices.dtype);
  return g.where(g.apply('Less', [indices, zero]), g.add(indices, lengths), indices);
}

/** More than any tensor has elements; a sum of several is exact. */
const BEYOND = 2 ** 40;

/**
 * For the tuples along the last axis of input 1, where each points in the list of all elements or slices that such
 * tuples can point to. Known ones are compared with the axes that they point into.
 * @param lengths of the axes that a tuple has an entry for
 */
function flatIndices({ g, input, constantInput, fail }: LoweringQuery, lengths: Shape): Value {
  constantInput(1)?.data.forEach((index: number | bigint, at: number) => {
    const length = lengths[at % lengths.length] ?? 0;
    if (!(index >= -length && index < length)) fail(`index ${index} into an axis of ${length}`);
  });
  const strides = lengths.map((_, axis) => elementCount(lengths.slice(axis + 1)));
  const positions = fromStart(g, input(1), g.integers(lengths));
  const flat = g.mul(positions, g.integers(strides));
  if (constantInput(1)) return g.reduce('ReduceSum', flat, [-1], false);
  // An index beyond its own axis must not become one of another row: it is led to where no tensor reaches.
  const isInside = g.apply('And', [
    g.apply('GreaterOrEqual', [positions, g.integers([0])]),
    g.apply('Less', [positions, g.integers(lengths)]),
  ]);
  return g.reduce('ReduceSum', g.where(isInside, flat, g.integers([BEYOND])), [-1], false);
}

function tupleInput(query: LoweringQuery, most: number): { indices: Value; width: number } {
  const indices = query.input(1);
  const width = indices.shape.at(-1) ?? 0;
  if (indices.dtype !== 'int64' || !(width >= 1 && width <= most))
    return query.fail(`indices [${indices.shape}] into [${query.input(0).shape}]`);
  return { indices, width };
}

function gatherND(query: LoweringQuery): Value {
  const { g, attributes, input, fail } = query;
  const data = input(0);
  const shared = intAttribute(attributes, 'batch_dims', 0);
  const { indices, width } = tupleInput(query, data.shape.length - shared);
  const batch = data.shape.slice(0, shared);
  if (!(shared >= 0 && shared < indices.shape.length) || !sameShape(batch, indices.shape.slice(0, shared)))
    return fail(`batch_dims ${shared} of [${data.shape}] and [${indices.shape}]`);
  const examples = elementCount(batch);
  if (examples > MAX_NUMBERED) fail(`${examples} examples`);
  const lengths = data.shape.slice(shared, shared + width);
  const rest = data.shape.slice(shared + width);
  const flat = g.reshape(flatIndices(query, lengths), [
    examples,
    elementCount(indices.shape.slice(shared, -1)),
  ]);
  const first = g.mul(numbered(g, examples, [examples, 1], 'int64'), g.integers([elementCount(lengths)]));
  const slices = g.reshape(data, [examples * elementCount(lengths), ...rest]);
  const picked = g.apply('Gather', [slices, shared === 0 ? flat : g.add(flat, first)], { axis: int(0) });
  return g.reshape(picked, [...indices.shape.slice(0, -1), ...rest]);
}

function scatterND(query: LoweringQuery): Value {
  const { g, attributes, input, fail } = query;
  const data = input(0);
  const { indices, width } = tupleInput(query, data.shape.length);
  const updates = input(2);
  const reduction = stringAttribute(attributes, 'reduction', 'none');
  if (reduction !== 'none' && reduction !== 'add') fail(`reduction ${reduction}; none and add are known`);
  const lengths = data.shape.slice(0, width);
  const rest = data.shape.slice(width);
  const tuples = indices.shape.slice(0, -1);
  if (!sameShape(updates.shape, [...tuples, ...rest]))
    fail(`updates [${updates.shape}] at [${indices.shape}] of [${data.shape}]`);
  const [count, size] = [elementCount(tuples), elementCount(rest)];
  if (count * size === 0) return data;
  const column = g.reshape(flatIndices(query, lengths), [count, 1]);
  const scattered = g.apply(
    'ScatterElements',
    [
      g.reshape(data, [elementCount(lengths), size]),
      g.apply('Expand', [column, g.integers([count, size])]),
      g.reshape(updates, [count, size]),
    ],
    { axis: int(0), reduction: string(reduction) },
  );
  return g.reshape(scattered, data.shape);
}

/** Where a new axis has the position that an index names, the second of the two values, elsewhere the first. */
function oneHot(query: LoweringQuery): Value {
  const { g, attributes, input, constantInput, fail } = query;
  const [indices, values] = [input(0), input(2)];
  const given = constantInput(1);
  const depth = Number(given?.data.length === 1 ? given.data[0] : Number.NaN);
  if (!(depth >= 1 && depth <= MAX_NUMBERED)) fail(`depth ${depth}; it must be known`);
  if (indices.dtype === 'bool' || values.shape.length !== 1 || values.shape[0] !== 2)
    return fail(`indices of ${indices.dtype}, values [${values.shape}]`);
  const rank = indices.shape.length + 1;
  const asked = intAttribute(attributes, 'axis', -1);
  const axis = asked < 0 ? asked + rank : asked;
  if (!(axis >= 0 && axis < rank)) fail(`axis ${asked} of ${rank} axes`);
  const [before, after] = [indices.shape.slice(0, axis), indices.shape.slice(axis)];
  const length = g.cast(g.constant({ dtype: 'int32', shape: [], data: Int32Array.of(depth) }), indices.dtype);
  const positions = g.reshape(fromStart(g, indices, length), [...before, 1, ...after]);
  const places = numbered(g, depth, [depth, ...after.map(() => 1)], indices.dtype);
  const value = (index: number) =>
    g.apply('Gather', [values, g.constant({ dtype: 'int32', shape: [], data: Int32Array.of(index) })]);
  return g.where(g.apply('Equal', [positions, places]), value(1), value(0));
}

/** Longest axis of a running sum: it is a product with a triangle of that side. */
const MAX_RUNNING = 8192;

/** Whole numbers are summed as floats, exactly up to 2^24. */
function cumSum(query: LoweringQuery): Value {
  const { g, attributes, input, constantInput, fail } = query;
  const x = input(0);
  const given = constantInput(1);
  const asked = given?.data.length === 1 ? constantIntegers(given)?.[0] : undefined;
  const rank = x.shape.length;
  const axis = (asked ?? Number.NaN) < 0 ? (asked ?? 0) + rank : (asked ?? Number.NaN);
  if (!(axis >= 0 && axis < rank) || x.dtype === 'bool')
    return fail(`axis ${asked} of ${x.dtype} [${x.shape}]`);
  const length = axisLength(x.shape, axis);
  if (length > MAX_RUNNING) fail(`an axis of ${length}`);
  const [from, to] = [numbered(g, length, [length, 1], 'int32'), numbered(g, length, [length], 'int32')];
  const [early, late] = intAttribute(attributes, 'reverse', 0) ? [to, from] : [from, to];
  const isSummed = g.apply(intAttribute(attributes, 'exclusive', 0) ? 'Less' : 'LessOrEqual', [early, late]);
  const last = [...x.shape.keys()].filter((other) => other !== axis);
  const turned = g.transpose(x.dtype === 'float32' ? x : g.cast(x, 'float32'), [...last, axis]);
  const rows = g.reshape(turned, [elementCount(x.shape) / Math.max(1, length), length]);
  const sums = g.reshape(g.gemm(rows, g.cast(isSummed, 'float32')), turned.shape);
  const back = [...last.slice(0, axis).keys(), rank - 1, ...last.slice(axis).map((_, place) => axis + place)];
  const result = g.transpose(sums, back);
  return x.dtype === 'float32' ? result : g.cast(result, x.dtype);
}

export const INDEXING_LOWERINGS = {
  CumSum: cumSum,
  GatherND: gatherND,
  OneHot: oneHot,
  ScatterND: scatterND,
};
