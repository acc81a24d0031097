/**
 * How operators carry the examples of a batch from their inputs to their outputs. An operator that adds up, compares
 * or normalises over the axis that holds them mixes examples; so does everything that has no rule here.
 */
import { intAttribute, intsAttribute } from '../attribute.ts';
import type { OperatorNode, Value } from '../graph.ts';
import { ACTIVATION_SHAPES } from '../shapes/activation.ts';
import { ELEMENTWISE_SHAPES } from '../shapes/elementwise.ts';
import { padding, strides } from '../shapes/slice.ts';
import { type Constant, constantIntegers, normalizeAxes, type Shape } from '../tensor-type.ts';
import { type BatchAxis, reshapedBatchAxis } from './batch-axis.ts';

export interface BatchAxisQuery {
  readonly node: OperatorNode;
  /** B >= 2 */
  readonly batchSize: number;
  /** Where input `index` has its examples; undefined where it is the same for all of them. */
  readonly batch: readonly (BatchAxis | undefined)[];
  constantOf(value: Value): Constant | undefined;
}

/**
 * One candidate per input with examples: where the outputs would have them if it were the only one. `mixed` says that
 * the operator mixes examples along this input.
 */
type AxisRule = (query: BatchAxisQuery, index: number, batch: BatchAxis, input: Value) => BatchAxis | 'mixed';

function outputShape({ node }: BatchAxisQuery): Shape {
  return node.outputs[0]?.shape ?? [];
}

/** Axes are aligned at the end; an axis of examples is never repeated. */
const elementwise: AxisRule = (query, _, batch, { shape }) => {
  const output = outputShape(query);
  const axis = batch.axis + output.length - shape.length;
  return output[axis] === shape[batch.axis] ? { ...batch, axis } : 'mixed';
};

const reshaped: AxisRule = (query, index, batch, { shape }) => {
  if (index !== 0) return 'mixed';
  return reshapedBatchAxis(shape, batch, outputShape(query), query.batchSize) ?? 'mixed';
};

const transposed: AxisRule = ({ node }, _, batch, { shape }) => {
  const order = intsAttribute(node.attributes, 'perm') ?? [...shape.keys()].reverse();
  return { ...batch, axis: order.indexOf(batch.axis) };
};

/** Along these axes something is added up or compared. */
function reduced(batch: BatchAxis, axes: readonly number[], keepsAxes: boolean): BatchAxis | 'mixed' {
  if (axes.includes(batch.axis)) return 'mixed';
  return keepsAxes ? batch : { ...batch, axis: batch.axis - axes.filter((axis) => axis < batch.axis).length };
}

const reduction: AxisRule = ({ node, constantOf }, index, batch, { shape }) => {
  const list = node.inputs[1] && constantOf(node.inputs[1]);
  const asked = (list && constantIntegers(list)) ?? [];
  const noop = asked.length === 0 && intAttribute(node.attributes, 'noop_with_empty_axes', 0) !== 0;
  if (index !== 0 || noop) return index === 0 ? batch : 'mixed';
  const axes = normalizeAxes(asked.length > 0 ? asked : [...shape.keys()], shape.length) ?? [];
  return reduced(batch, axes, intAttribute(node.attributes, 'keepdims', 1) !== 0);
};

const argument: AxisRule = ({ node }, _, batch, { shape }) => {
  const axes = normalizeAxes([intAttribute(node.attributes, 'axis', 0)], shape.length) ?? [];
  return reduced(batch, axes, intAttribute(node.attributes, 'keepdims', 1) !== 0);
};

/** The operator works along one axis and leaves all others. */
function along(defaultAxis: number): AxisRule {
  return ({ node }, index, batch, { shape }) => {
    const axes = normalizeAxes([intAttribute(node.attributes, 'axis', defaultAxis)], shape.length) ?? [];
    return index === 0 ? reduced(batch, axes, true) : 'mixed';
  };
}

/** The operator works along one axis and all behind it. */
const fromAxisOn: AxisRule = ({ node }, index, batch, { shape }) => {
  const axes = [...shape.keys()].slice(intAttribute(node.attributes, 'axis', -1));
  return index === 0 ? reduced(batch, axes, true) : 'mixed';
};

const concat: AxisRule = ({ node }, _, batch, { shape }) =>
  reduced(batch, normalizeAxes([intAttribute(node.attributes, 'axis', 0)], shape.length) ?? [], true);

/** Leaves the examples where they are: an axis that is shifted or turned around may well keep its length. */
const sliced: AxisRule = (query, index, batch, { shape }) => {
  const [starts, ends, axes, steps] = [1, 2, 3, 4].map((at) => positionsOf(query, at));
  const kept = starts && ends && strides(shape, { starts, ends, axes, steps })?.[batch.axis];
  const isWhole = kept && kept.start === 0 && kept.step === 1 && kept.count === shape[batch.axis];
  return index === 0 && isWhole ? batch : 'mixed';
};

const padded: AxisRule = (query, index, batch, { shape }) => {
  const pads = positionsOf(query, 1);
  const added = pads && padding(shape.length, pads, positionsOf(query, 3));
  const isWhole = added && added.before[batch.axis] === 0 && added.after[batch.axis] === 0;
  return index === 0 && isWhole ? batch : 'mixed';
};

/** The integers of a constant input, those beyond 2^53 as that; undefined where there is none. */
function positionsOf({ node, constantOf }: BatchAxisQuery, index: number): number[] | undefined {
  const value = node.inputs[index];
  const constant = value && constantOf(value);
  if (!constant || constant.dtype === 'float32' || constant.dtype === 'bool') return undefined;
  const most = Number.MAX_SAFE_INTEGER;
  const positions = Array.from<number | bigint, number>(constant.data, Number);
  return positions.map((position) => Math.min(Math.max(position, -most), most));
}

const gather: AxisRule = ({ node }, index, batch, { shape }) => {
  const indexRank = node.inputs[1]?.shape.length ?? 0;
  const rank = index === 0 ? shape.length : (node.inputs[0]?.shape.length ?? 0);
  const [axis = 0] = normalizeAxes([intAttribute(node.attributes, 'axis', 0)], rank) ?? [];
  if (index === 1) return { ...batch, axis: axis + batch.axis };
  if (axis === batch.axis) return 'mixed';
  return axis < batch.axis ? { ...batch, axis: batch.axis + indexRank - 1 } : batch;
};

const matMul: AxisRule = (query, index, batch, { shape }) => {
  const inner = index === 0 ? shape.length - 1 : shape.length - 2;
  return batch.axis === inner ? 'mixed' : elementwise(query, index, batch, { dtype: 'float32', shape });
};

const gemm: AxisRule = (query, index, batch, input) => {
  if (index === 2) return elementwise(query, index, batch, input);
  const isTransposed = intAttribute(query.node.attributes, index === 0 ? 'transA' : 'transB', 0) !== 0;
  const outer = index === 0 ? (isTransposed ? 1 : 0) : isTransposed ? 0 : 1;
  return batch.axis === outer ? { ...batch, axis: index } : 'mixed';
};

/** Channels and positions of each entry of the first axis by themselves. */
const spatial: AxisRule = (_, index, batch) => (index === 0 && batch.axis === 0 ? batch : 'mixed');

const OTHER_RULES: Readonly<Record<string, AxisRule>> = {
  ArgMax: argument,
  ArgMin: argument,
  AveragePool: spatial,
  Concat: concat,
  Conv: spatial,
  ConvTranspose: spatial,
  Expand: elementwise,
  Flatten: reshaped,
  Gather: gather,
  Gemm: gemm,
  LayerNormalization: fromAxisOn,
  MatMul: matMul,
  MaxPool: spatial,
  Pad: padded,
  ReduceL2: reduction,
  ReduceLogSumExp: reduction,
  ReduceMax: reduction,
  ReduceMean: reduction,
  ReduceMin: reduction,
  ReduceProd: reduction,
  ReduceSum: reduction,
  Reshape: reshaped,
  Slice: sliced,
  Softmax: along(-1),
  Split: along(0),
  Squeeze: reshaped,
  Transpose: transposed,
  Unsqueeze: reshaped,
};

/** The rule of an operator; undefined where nothing is known about what it does to examples. */
export function batchAxisRule(op: string): AxisRule | undefined {
  if (Object.hasOwn(OTHER_RULES, op)) return OTHER_RULES[op];
  return isElementwise(op) ? elementwise : undefined;
}

/** Whether an element of the output depends on one element of each input. */
export function isElementwise(op: string): boolean {
  const isFamily = Object.hasOwn(ELEMENTWISE_SHAPES, op) || Object.hasOwn(ACTIVATION_SHAPES, op);
  return isFamily && !Object.hasOwn(OTHER_RULES, op);
}
