/**
 * Operators whose result is known when the graph is built, and which therefore never run: constants, the shapes of
 * values, sequences. ONNX operator specifications, opsets 7 to 23.
 */
import { intAttribute } from '../attribute.ts';
import { blank } from '../folding/folding-rule.ts';
import type { Value } from '../graph.ts';
import { type Constant, constantIntegers, type DType, elementCount, type Shape } from '../tensor-type.ts';
import type { LoweringQuery } from './lowering-rule.ts';

/** Most elements of a sequence or an identity matrix: as many as a constant that is folded. */
const MAX_ELEMENTS = 1_048_576;

/** Types of elements as numbered by TensorProto.DataType. */
const DTYPES: ReadonlyMap<number, DType> = new Map([
  [1, 'float32'],
  [6, 'int32'],
  [7, 'int64'],
  [9, 'bool'],
]);

function integers(g: LoweringQuery['g'], shape: Shape, values: readonly number[]): Value {
  return g.constant({ dtype: 'int64', shape, data: BigInt64Array.from(values, BigInt) });
}

function constant({ g, attributes, fail }: LoweringQuery): Value {
  const entries = Object.entries(attributes);
  const [name, attribute] = entries[0] ?? fail('no value');
  if (entries.length > 1) fail(`${entries.length} values`);
  switch (attribute.kind) {
    case 'tensor':
      return g.constant(attribute.value);
    case 'int':
      return integers(g, [], [attribute.value]);
    case 'ints':
      return integers(g, [attribute.value.length], attribute.value);
    case 'float':
      return g.scalar(attribute.value);
    case 'floats': {
      const data = Float32Array.from(attribute.value);
      return g.constant({ dtype: 'float32', shape: [data.length], data });
    }
    default:
      return fail(`attribute ${name}`);
  }
}

/** The axis lengths from `start` to `end`, both clamped to what there is. */
function shape({ g, attributes, input }: LoweringQuery): Value {
  const lengths = input(0).shape;
  const start = intAttribute(attributes, 'start', 0);
  const end = intAttribute(attributes, 'end', lengths.length);
  const part = lengths.slice(start, end);
  return integers(g, [part.length], part);
}

function size({ g, input }: LoweringQuery): Value {
  return integers(g, [], [elementCount(input(0).shape)]);
}

/** The elements of input `index`; refuses what has to be computed at run time. */
function requireConstant(query: LoweringQuery, index: number): Constant {
  query.input(index);
  return query.constantInput(index) ?? query.unsupported('computed values');
}

function constantOfShape(query: LoweringQuery): Value {
  const { g, attributes, fail } = query;
  const given = requireConstant(query, 0);
  const lengths = given.data.length <= 64 ? constantIntegers(given) : undefined;
  if (!lengths?.every((length) => length >= 0) || given.shape.length !== 1) return fail('not a shape');
  const { value } = attributes;
  const one = value?.kind === 'tensor' ? value.value : undefined;
  if (value && one?.data.length !== 1) return fail('a value that is not one element');
  const element = one ? g.constant({ ...one, shape: [] }) : g.scalar(0);
  // Anything that is large stays one element until it is run.
  if (elementCount(lengths) > 0) return g.apply('Expand', [element, g.integers(lengths)]);
  return g.constant(blank({ dtype: element.dtype, shape: lengths }));
}

/** start + i delta for all i for which that is before the limit. */
function range(query: LoweringQuery): Value {
  const { g, fail } = query;
  const [start, limit, delta] = [0, 1, 2].map((index) => requireConstant(query, index));
  if (!start || !limit || !delta) throw new Error('unreachable');
  const { dtype } = start;
  if ([start, limit, delta].some((one) => one.data.length !== 1 || one.dtype !== dtype) || dtype === 'bool')
    return fail('start, limit and delta are not three numbers of one type');
  const [from, to, by] = [start, limit, delta].map((one) => Number(one.data[0]));
  if (from === undefined || to === undefined || by === undefined) throw new Error('unreachable');
  const count = Math.max(0, Math.ceil((to - from) / by));
  const isExact = dtype === 'float32' || [from, to, by].every(Number.isSafeInteger);
  if (!(count <= MAX_ELEMENTS) || !isExact) return fail(`from ${from} to ${to} by ${by}`);
  const result = blank({ dtype, shape: [count] });
  for (let at = 0; at < count; at += 1)
    if (result.data instanceof BigInt64Array) result.data[at] = BigInt(from + at * by);
    else result.data[at] = Math.fround(from + Math.fround(at * by));
  return g.constant(result);
}

function eyeLike(query: LoweringQuery): Value {
  const { g, attributes, fail } = query;
  const like = query.input(0);
  const [rows, columns] = like.shape;
  if (rows === undefined || columns === undefined || like.shape.length !== 2)
    return fail(`shape [${like.shape}] is not a matrix`);
  const asked = attributes.dtype ? DTYPES.get(intAttribute(attributes, 'dtype', 0)) : like.dtype;
  const dtype = asked ?? fail(`element type ${intAttribute(attributes, 'dtype', 0)}`);
  if (rows * columns > MAX_ELEMENTS) fail(`${rows * columns} elements`);
  const diagonal = intAttribute(attributes, 'k', 0);
  const result = blank({ dtype, shape: like.shape });
  for (let row = 0; row < rows; row += 1) {
    const column = row + diagonal;
    if (column < 0 || column >= columns) continue;
    if (result.data instanceof BigInt64Array) result.data[row * columns + column] = 1n;
    else result.data[row * columns + column] = 1;
  }
  return g.constant(result);
}

/** [rank, count]: the indices of all elements that are not zero, in their order. */
function nonZero(query: LoweringQuery): Value {
  const { g, fail } = query;
  const { shape: lengths, data } = requireConstant(query, 0);
  const places: number[] = [];
  for (let at = 0; at < data.length; at += 1) {
    if (Number(data[at]) === 0) continue;
    places.push(at);
    if (places.length * lengths.length > MAX_ELEMENTS) fail(`more than ${MAX_ELEMENTS} indices`);
  }
  const strides = lengths.map((_, axis) => elementCount(lengths.slice(axis + 1)));
  const indices = lengths.flatMap((length, axis) =>
    places.map((at) => Math.floor(at / (strides[axis] ?? 1)) % length),
  );
  return integers(g, [lengths.length, places.length], indices);
}

export const KNOWN_LOWERINGS = {
  Constant: constant,
  ConstantOfShape: constantOfShape,
  EyeLike: eyeLike,
  NonZero: nonZero,
  Range: range,
  Shape: shape,
  Size: size,
};
