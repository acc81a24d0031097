/**
 * Normalisation of each example by itself: h = (x - m) / sqrt(v + epsilon), with m and v the mean and the variance of
 * x over some axes, in two passes, then y = scale h + bias.
 *
 *   LayerNormalization         over the last axes                          Ba et al., arXiv 1607.06450
 *   InstanceNormalization      over all positions of a channel             Ulyanov et al., arXiv 1607.08022
 *   GroupNormalization         over all positions of a group of channels   Wu and He, ECCV 2018
 *   RMSNormalization           over the last axes, with m = 0              Zhang and Sennrich, NeurIPS 2019
 *   MeanVarianceNormalization  over given axes, (x - m) / (sqrt v + 1e-9)
 *   LpNormalization            x / |x|_p along one axis; zeros stay zeros
 *
 * Over the last axes this is the operator LayerNormalization without its scale and bias, whose gradient needs nothing
 * that is not there already: measured with onnxruntime-node, forward and backward take 0.16 ms where the composition
 * takes 0.22 ([512, 64]). It needs ones for a scale, so longer rows are composed. Scale and bias are Mul and Add; only
 * where no gradient is asked for are they left to the operator.
 */
import { float, floatAttribute, int, intAttribute, intsAttribute } from '../attribute.ts';
import type { Value } from '../graph.ts';
import type { GraphBuilder } from '../graph-builder.ts';
import {
  axisLength,
  broadcastShapes,
  elementCount,
  normalizeAxes,
  type Shape,
  sameShape,
} from '../tensor-type.ts';
import {
  atMostInputs,
  axisAttribute,
  floatInput,
  type LoweringQuery,
  type LoweringRule,
} from './lowering-rule.ts';

const DEFAULT_EPSILON = 1e-5;

/** Longest row for which the operator gets a constant of as many ones. */
const LONGEST_ROW = 8192;

function epsilonOf({ attributes }: LoweringQuery): number {
  return floatAttribute(attributes, 'epsilon', DEFAULT_EPSILON);
}

/** Statistics are float32, as everything is. */
function requireFloatStatistics({ attributes, fail }: LoweringQuery): void {
  const type = intAttribute(attributes, 'stash_type', 1);
  if (type !== 1) fail(`stash_type ${type}; 1, float32, is known`);
}

interface Normalized {
  /** h, of the shape of x. */
  readonly normal: Value;
  /** m and 1 / sqrt(v + epsilon), with 1 on the axes that are normalised. */
  readonly mean: Value;
  readonly inverse: Value;
}

/**
 * The operator LayerNormalization over the axes from `axis` on. It works on a view of x: ONNX Runtime replaces the
 * operator by another where it follows an addition, and that one takes three times as long (0.19 ms for 0.07,
 * [512, 64], onnxruntime-node 1.30).
 */
function layered(
  { g, label }: LoweringQuery,
  [x, ...scaleAndBias]: readonly [Value, ...Value[]],
  axis: number,
  epsilon: number,
): Normalized {
  const { shape } = x;
  const inner = shape.slice(axis);
  const rows = elementCount(shape.slice(0, axis));
  const view = shape.length === 2 && axis === 1 ? [rows, 1, ...inner] : [rows, ...inner];
  const attributes = { axis: int(-inner.length), epsilon: float(epsilon) };
  const inputs = [g.reshape(x, view), ...scaleAndBias];
  const [normal, mean, inverse] = g.applyAll('LayerNormalization', inputs, attributes, label);
  if (!normal || !mean || !inverse) throw new Error('unreachable');
  const kept = shape.map((length, index) => (index < axis ? length : 1));
  return {
    normal: g.reshape(normal, shape),
    mean: g.reshape(mean, kept),
    inverse: g.reshape(inverse, kept),
  };
}

/** Over the axes from `axis` on. */
function normalized(query: LoweringQuery, x: Value, axis: number, epsilon: number): Normalized {
  const { g } = query;
  const inner = x.shape.slice(axis);
  if (elementCount(inner) <= LONGEST_ROW) {
    const data = new Float32Array(elementCount(inner)).fill(1);
    return layered(query, [x, g.constant({ dtype: 'float32', shape: inner, data })], axis, epsilon);
  }
  const axes = [...x.shape.keys()].slice(axis);
  const mean = g.reduce('ReduceMean', x, axes, true);
  const centred = g.sub(x, mean);
  const inverse = inverseRoot(g, centred, axes, epsilon);
  return { normal: g.mul(centred, inverse), mean, inverse };
}

/** 1 / sqrt(mean(x^2) + epsilon) */
function inverseRoot(g: GraphBuilder, x: Value, axes: readonly number[], epsilon: number): Value {
  const square = g.reduce('ReduceMean', g.mul(x, x), axes, true);
  return g.apply('Reciprocal', [g.apply('Sqrt', [g.add(square, g.scalar(epsilon))])]);
}

/** scale h + bias, in views of theirs that broadcast to h; what is known to change nothing is left out. */
function affine(g: GraphBuilder, normal: Value, scale: Value, bias: Value | undefined, view: Shape): Value {
  const scaled = isFilledWith(g, scale, 1) ? normal : g.mul(normal, g.reshape(scale, view));
  return bias === undefined || isFilledWith(g, bias, 0) ? scaled : g.add(scaled, g.reshape(bias, view));
}

/** Exporters write normalisation by groups as one by instances whose scale is 1 and whose bias is 0. */
function isFilledWith(g: GraphBuilder, value: Value, number: number): boolean {
  const constant = g.constantOf(value);
  return constant?.dtype === 'float32' && constant.data.every((element) => element === number);
}

/** Scale or bias of `count` numbers. */
function vectorInput(query: LoweringQuery, index: number, count: number, what: string): Value {
  const value = floatInput(query, index);
  if (!sameShape(value.shape, [count]))
    query.fail(`shape [${value.shape}] where one number for each of ${count} ${what} is needed`);
  return value;
}

function layerNormalization(query: LoweringQuery): readonly Value[] {
  atMostInputs(query, 3);
  requireFloatStatistics(query);
  const { g, mode } = query;
  const x = floatInput(query, 0);
  const axis = axisAttribute(query, x, -1);
  const inner = x.shape.slice(axis);
  const scale = floatInput(query, 1);
  const bias = query.inputs[2] && floatInput(query, 2);
  for (const value of [scale, bias]) if (value) requireBroadcast(query, value, x.shape);

  const epsilon = epsilonOf(query);
  const isWhole = [scale, bias].every((value) => value === undefined || sameShape(value.shape, inner));
  if (isWhole && mode.kind === 'inference') {
    const { normal, mean, inverse } = layered(query, bias ? [x, scale, bias] : [x, scale], axis, epsilon);
    return [normal, mean, inverse];
  }
  const { normal, mean, inverse } = normalized(query, x, axis, epsilon);
  const scaled = affine(g, normal, scale, undefined, scale.shape);
  return [bias ? g.add(scaled, bias) : scaled, mean, inverse];
}

function requireBroadcast(query: LoweringQuery, value: Value, shape: Shape): void {
  if (!sameShape(broadcastShapes([value.shape, shape]) ?? [], shape))
    query.fail(`shape [${value.shape}] does not broadcast to [${shape}]`);
}

function rmsNormalization(query: LoweringQuery): Value {
  atMostInputs(query, 2);
  requireFloatStatistics(query);
  const { g } = query;
  const x = floatInput(query, 0);
  const scale = floatInput(query, 1);
  requireBroadcast(query, scale, x.shape);
  const axes = [...x.shape.keys()].slice(axisAttribute(query, x, -1));
  return affine(g, g.mul(x, inverseRoot(g, x, axes, epsilonOf(query))), scale, undefined, scale.shape);
}

function instanceNormalization(query: LoweringQuery): Value {
  atMostInputs(query, 3);
  const { g } = query;
  const x = floatInput(query, 0);
  if (x.shape.length < 3) query.fail(`shape [${x.shape}] has no positions`);
  const channels = axisLength(x.shape, 1);
  const [scale, bias] = [1, 2].map((index) => vectorInput(query, index, channels, 'channels'));
  if (!scale) throw new Error('unreachable');
  const { normal } = normalized(query, x, 2, epsilonOf(query));
  return affine(g, normal, scale, bias, perChannel(x.shape, channels));
}

/** Up to opset 20 scale and bias are one number per group, since then one per channel. */
function groupNormalization(query: LoweringQuery): Value {
  atMostInputs(query, 3);
  requireFloatStatistics(query);
  const { g, opset, attributes } = query;
  const x = floatInput(query, 0);
  const { shape } = x;
  if (shape.length < 2) query.fail(`shape [${shape}] has no channels`);
  const [batch, channels] = [axisLength(shape, 0), axisLength(shape, 1)];
  const groups = intAttribute(attributes, 'num_groups', 0);
  if (!(groups > 0) || channels % groups !== 0) query.fail(`${channels} channels in ${groups} groups`);
  const isPerGroup = opset < 21;
  const [count, what] = isPerGroup ? [groups, 'groups'] : [channels, 'channels'];
  const [scale, bias] = [1, 2].map((index) => vectorInput(query, index, count, what));
  if (!scale) throw new Error('unreachable');

  const size = (channels / groups) * elementCount(shape.slice(2));
  const { normal } = normalized(query, g.reshape(x, [batch, groups, size]), 2, epsilonOf(query));
  if (isPerGroup) return g.reshape(affine(g, normal, scale, bias, [groups, 1]), shape);
  return affine(g, g.reshape(normal, shape), scale, bias, perChannel(shape, channels));
}

function perChannel(shape: Shape, channels: number): number[] {
  return [channels, ...Array<number>(shape.length - 2).fill(1)];
}

/** What the specification says where no axes are given. */
const DEFAULT_AXES = [0, 2, 3];
const DEVIATION_EPSILON = 1e-9;

function meanVarianceNormalization(query: LoweringQuery): Value {
  atMostInputs(query, 1);
  const { g } = query;
  const x = floatInput(query, 0);
  const asked = intsAttribute(query.attributes, 'axes') ?? DEFAULT_AXES;
  const axes = normalizeAxes(asked, x.shape.length);
  if (!axes?.length) return query.fail(`axes ${asked} of shape [${x.shape}]`);
  const centred = g.sub(x, g.reduce('ReduceMean', x, axes, true));
  const variance = g.reduce('ReduceMean', g.mul(centred, centred), axes, true);
  return g.div(centred, g.add(g.apply('Sqrt', [oneForZero(g, variance)]), g.scalar(DEVIATION_EPSILON)));
}

function lpNormalization(query: LoweringQuery): Value {
  atMostInputs(query, 1);
  const { g, attributes } = query;
  const x = floatInput(query, 0);
  const axes = [axisAttribute(query, x, -1)];
  const p = intAttribute(attributes, 'p', 2);
  if (p !== 1 && p !== 2) return query.fail(`p = ${p}; 1 and 2 are known`);
  const size = p === 1 ? g.apply('Abs', [x]) : g.mul(x, x);
  const sum = oneForZero(g, g.reduce('ReduceSum', size, axes, true));
  return g.div(x, p === 1 ? sum : g.apply('Sqrt', [sum]));
}

/** The same, and 1 for zeros: what is divided by the result, or by its root, is 0 where this matters. */
function oneForZero(g: GraphBuilder, value: Value): Value {
  return g.where(g.apply('Greater', [value, g.scalar(0)]), value, g.scalar(1));
}

export const NORMALIZATION_LOWERINGS = {
  GroupNormalization: groupNormalization,
  InstanceNormalization: instanceNormalization,
  LayerNormalization: layerNormalization,
  LpNormalization: lpNormalization,
  MeanVarianceNormalization: meanVarianceNormalization,
  RMSNormalization: rmsNormalization,
} satisfies Record<string, LoweringRule>;
