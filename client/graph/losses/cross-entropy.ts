/**
 * Softmax cross-entropy of logits z [U, C] against labels y [U]. A unit u is an example, or a token of one.
 *
 *   l_u = sum_c q_uc (log s_u - z_uc),  s_u = sum_c exp z_uc,
 *   q_uc = k_u ((1 - a) h_c [c = y_u] + a h_c / C)
 *
 * with class weights h, label smoothing a and k_u = 0 where the label is the one to be ignored, else 1; a unit weighs
 * k_u h_{y_u} in the mean. Szegedy et al., CVPR 2016, section 7, for the smoothing; h on both parts, as in PyTorch.
 *
 * With T = c q, c the coefficient of a unit, the sum is one product, sum T (log s - z), where z is shifted by its
 * maximum. The gradient, c r softmax(z) - T with r the sum of a row of q, reuses exp z and s. Built from operators
 * that every execution provider has: WebGPU knows neither LogSoftmax, OneHot nor int64 comparison.
 *
 * Labels are in 0..C-1 or the ignored one; whoever loads data sees to that.
 */
import type { Value } from '../graph.ts';
import type { GraphBuilder } from '../graph-builder.ts';
import { axisLength, type Shape } from '../tensor-type.ts';
import type { LossRule } from './loss-rule.ts';

export interface CrossEntropyOptions {
  /** [C], each >= 0. */
  readonly classWeights?: readonly number[];
  /** In [0, 1). */
  readonly labelSmoothing?: number;
  readonly ignoreIndex?: number;
}

/** How the outputs of a model are laid out in units. */
export interface UnitLayout {
  /** What outputs there are, for people. */
  readonly outputs: string;
  /** Axes of the outputs, the last being the classes. */
  readonly rank: number;
}

/** @throws RangeError where there is not one class weight per class: the caller has compared them */
export function crossEntropy(layout: UnitLayout, options: CrossEntropyOptions): LossRule {
  const { ignoreIndex, classWeights } = options;
  const smoothing = options.labelSmoothing ?? 0;
  const isPlain = classWeights === undefined && ignoreIndex === undefined;

  /** [U, 1], 0 for units to be ignored; undefined where there are none. */
  const kept = (g: GraphBuilder, labels: Value) => {
    if (ignoreIndex === undefined) return undefined;
    const ignored = g.constant({ dtype: 'int32', shape: [], data: Int32Array.of(ignoreIndex) });
    return g.where(g.apply('Equal', [labels, ignored]), g.scalar(0), g.scalar(1));
  };
  /** [C] */
  const weightsOf = (g: GraphBuilder, classes: number) => {
    if (classWeights === undefined) return undefined;
    if (classWeights.length !== classes) throw new RangeError(`${classWeights.length} weights`);
    return g.constant({ dtype: 'float32', shape: [classes], data: Float32Array.from(classWeights) });
  };

  return {
    target(output) {
      const classes = output.at(-1) ?? 0;
      if (output.length !== layout.rank) return layout.outputs;
      if (classWeights && classWeights.length !== classes)
        return `${layout.outputs} with C = ${classWeights.length}, the number of class weights`;
      return { type: 'int32', shape: output.slice(0, -1) };
    },

    mass(g, output, target) {
      const units = unitsPerExample(output.shape);
      if (isPlain) return units === 1 ? undefined : perExampleConstant(g, output.shape, units);
      const classes = axisLength(output.shape, -1);
      const labels = labelColumn(g, target);
      const weights = weightsOf(g, classes);
      const keep = kept(g, labels);
      const ofLabel = weights && g.reduce('ReduceSum', g.mul(oneHot(g, labels, classes), weights), [1], true);
      const mass = keep && ofLabel ? g.mul(keep, ofLabel) : (keep ?? ofLabel);
      if (mass === undefined) throw new Error('unreachable');
      const [batch = 1] = output.shape;
      return g.reduce('ReduceSum', g.reshape(mass, [batch, units]), [1], false);
    },

    terms(g, output, target, coefficient) {
      const classes = axisLength(output.shape, -1);
      const logits = g.reshape(output, [unitCount(output.shape), classes]);
      const labels = labelColumn(g, target);
      const weights = weightsOf(g, classes);
      const keep = kept(g, labels);
      const perUnit = unitColumn(g, coefficient, output.shape);
      const share = keep ? g.mul(perUnit, keep) : perUnit;

      let distribution = oneHot(g, labels, classes);
      if (smoothing > 0)
        distribution = g.add(g.mul(distribution, g.scalar(1 - smoothing)), g.scalar(smoothing / classes));
      if (weights) distribution = g.mul(distribution, weights);
      const weighted = g.mul(distribution, share);
      const shifted = g.sub(logits, g.reduce('ReduceMax', logits, [1], true));
      const exponential = g.apply('Exp', [shifted]);
      const sum = g.reduce('ReduceSum', exponential, [1], true);
      return {
        total: g.total(g.mul(weighted, g.sub(g.apply('Log', [sum]), shifted))),
        gradient: () => {
          const rows = weights ? g.reduce('ReduceSum', weighted, [1], true) : share;
          return g.reshape(g.sub(g.mul(exponential, g.div(rows, sum)), weighted), output.shape);
        },
      };
    },

    /** Right is who has its label at the first maximum; a row with NaN has no maximum and is wrong. */
    correct(g, output, target, weight) {
      const classes = axisLength(output.shape, -1);
      const logits = g.reshape(output, [unitCount(output.shape), classes]);
      const labels = labelColumn(g, target);
      const keep = kept(g, labels);
      const perUnit = unitColumn(g, weight, output.shape);
      const share = keep ? g.mul(perUnit, keep) : perUnit;
      const columns = Float32Array.from({ length: classes }, (_, index) => index);
      const range = g.constant({ dtype: 'float32', shape: [classes], data: columns });
      const isMaximum = g.apply('Equal', [logits, g.reduce('ReduceMax', logits, [1], true)]);
      const first = g.reduce('ReduceMin', g.where(isMaximum, range, g.scalar(classes)), [1], true);
      const right = g.cast(g.apply('Equal', [first, g.cast(labels, 'float32')]), 'float32');
      return { right: g.total(g.mul(right, share)), counted: g.total(share) };
    },
  };
}

function unitCount(output: Shape): number {
  return output.slice(0, -1).reduce((count, length) => count * length, 1);
}

function unitsPerExample(output: Shape): number {
  return output.slice(1, -1).reduce((count, length) => count * length, 1);
}

/** [U, 1] */
function labelColumn(g: GraphBuilder, target: Value): Value {
  return g.reshape(target, [unitCount([...target.shape, 1]), 1]);
}

/** [U, C], 1 where the column is the label, else 0. */
function oneHot(g: GraphBuilder, labels: Value, classes: number): Value {
  const columns = Int32Array.from({ length: classes }, (_, index) => index);
  const range = g.constant({ dtype: 'int32', shape: [classes], data: columns });
  return g.cast(g.apply('Equal', [labels, range]), 'float32');
}

/** [B] repeated for every unit of an example, as [U, 1]. */
function unitColumn(g: GraphBuilder, perExample: Value, output: Shape): Value {
  const units = unitsPerExample(output);
  const [batch = 1] = output;
  const column = g.reshape(perExample, [batch, 1]);
  if (units === 1) return column;
  return g.reshape(g.apply('Expand', [column, g.integers([batch, units])]), [batch * units, 1]);
}

function perExampleConstant(g: GraphBuilder, output: Shape, value: number): Value {
  const [batch = 1] = output;
  return g.constant({ dtype: 'float32', shape: [batch], data: new Float32Array(batch).fill(value) });
}
