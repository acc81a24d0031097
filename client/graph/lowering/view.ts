/**
 * Operators that arrange elements, written as Reshape, Transpose, Expand and Where. ONNX operator specifications:
 * Tile, Trilu, DepthToSpace, SpaceToDepth, Split.
 */
import { int, intAttribute, stringAttribute } from '../attribute.ts';
import type { Value } from '../graph.ts';
import { axisLength, constantIntegers, elementCount, type Shape } from '../tensor-type.ts';
import type { LoweringQuery } from './lowering-rule.ts';

/** One axis after the other, so that no tensor on the way has more than three. */
function tile({ g, input, constantInput, fail }: LoweringQuery): Value {
  const x = input(0);
  const given = constantInput(1);
  const repeats = given && given.shape.length === 1 ? constantIntegers(given) : undefined;
  if (repeats?.length !== x.shape.length || repeats.some((count) => count < 1))
    return fail(`repeats ${repeats} of [${x.shape}]; they must be known and positive`);
  return repeats.reduce((tiled, count, axis) => {
    if (count === 1) return tiled;
    const before = elementCount(tiled.shape.slice(0, axis));
    const after = elementCount(tiled.shape.slice(axis));
    const blocks = g.reshape(tiled, [before, 1, after]);
    const repeated =
      after * before > 0 ? g.apply('Expand', [blocks, g.integers([before, count, after])]) : blocks;
    return g.reshape(repeated, tiled.shape.with(axis, axisLength(tiled.shape, axis) * count));
  }, x);
}

/** Longest side of a triangle: rows and columns are numbered when the graph is built. */
const MAX_SIDE = 1_048_576;

/** What lies on one side of a diagonal, zeros elsewhere: chosen, so that nothing is left of infinities there. */
function trilu({ g, inputs, attributes, input, constantInput, fail }: LoweringQuery): Value {
  const x = input(0);
  const [rows, columns] = x.shape.slice(-2);
  if (rows === undefined || columns === undefined) return fail(`shape [${x.shape}] is no matrix`);
  if (Math.max(rows, columns) > MAX_SIDE) fail(`a matrix of ${rows} by ${columns}`);
  const given = constantInput(1);
  if (inputs[1] && given?.data.length !== 1) fail('k must be one known integer');
  // Beyond the corners of the matrix one diagonal is like another.
  const diagonal = Math.min(Math.max(Number(given?.data[0] ?? 0), -rows - 1), columns + 1);
  const numbered = (length: number, first: number, shape: Shape) =>
    g.constant({ dtype: 'int32', shape, data: Int32Array.from({ length }, (_, place) => first + place) });
  const row = numbered(rows, diagonal, [rows, 1]);
  const column = numbered(columns, 0, [columns]);
  const isUpper = intAttribute(attributes, 'upper', 1) !== 0;
  const isKept = g.apply(isUpper ? 'GreaterOrEqual' : 'LessOrEqual', [column, row]);
  if (x.dtype === 'bool') return g.apply('And', [isKept, x]);
  const zero =
    x.dtype === 'float32'
      ? g.scalar(0)
      : g.cast(g.constant({ dtype: 'int32', shape: [], data: Int32Array.of(0) }), x.dtype);
  return g.where(isKept, x, zero);
}

/** [N, C, H, W] with at least one row and column, and the side of a block. */
function blocks({ attributes, input, fail }: LoweringQuery): [x: Value, side: number, ...shape: number[]] {
  const x = input(0);
  const side = intAttribute(attributes, 'blocksize', 0);
  if (x.shape.length !== 4 || elementCount(x.shape) === 0)
    return fail(`shape [${x.shape}] is no stack of images`);
  if (!(side >= 1)) return fail(`blocksize ${side}`);
  return [x, side, ...x.shape];
}

function depthToSpace(query: LoweringQuery): Value {
  const { g, attributes, fail } = query;
  const [x, side, examples = 0, channels = 0, height = 0, width = 0] = blocks(query);
  if (channels % (side * side) !== 0) return fail(`blocks of ${side} from ${channels} channels`);
  const kept = channels / (side * side);
  const mode = stringAttribute(attributes, 'mode', 'DCR');
  const [shape, order] =
    mode === 'DCR'
      ? [
          [examples, side, side, kept, height, width],
          [0, 3, 4, 1, 5, 2],
        ]
      : mode === 'CRD'
        ? [
            [examples, kept, side, side, height, width],
            [0, 1, 4, 2, 5, 3],
          ]
        : fail(`mode ${mode}`);
  return g.reshape(g.transpose(g.reshape(x, shape), order), [examples, kept, height * side, width * side]);
}

function spaceToDepth(query: LoweringQuery): Value {
  const { g, fail } = query;
  const [x, side, examples = 0, channels = 0, height = 0, width = 0] = blocks(query);
  if (height % side !== 0 || width % side !== 0) return fail(`blocks of ${side} from ${height} by ${width}`);
  const [rows, columns] = [height / side, width / side];
  const parted = g.reshape(x, [examples, channels, rows, side, columns, side]);
  const stacked = g.transpose(parted, [0, 3, 5, 1, 2, 4]);
  return g.reshape(stacked, [examples, channels * side * side, rows, columns]);
}

/** Before opset 18 the number of equal parts was that of the outputs. */
function split({ g, inputs, attributes, label, outputs }: LoweringQuery): readonly Value[] {
  const isCounted = inputs[1] !== undefined || attributes.num_outputs !== undefined;
  const counted = isCounted ? attributes : { ...attributes, num_outputs: int(outputs) };
  return g.applyAll('Split', inputs, counted, label);
}

export const VIEW_LOWERINGS = {
  DepthToSpace: depthToSpace,
  SpaceToDepth: spaceToDepth,
  Split: split,
  Tile: tile,
  Trilu: trilu,
};
