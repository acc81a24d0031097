/**
 * Batch normalisation. Ioffe and Szegedy, ICML 2015:
 *
 *   y = scale (x - mean) / sqrt(variance + epsilon) + bias, per channel (axis 1)
 *
 * Exported for inference, mean and variance are constants of the model. Exported for training they are the statistics
 * of the batch, in which examples count by their weight so that padding counts nothing, and the running statistics
 * move towards them: r' = m r + (1 - m) s, s being the mean or the unbiased variance as in PyTorch. A batch of weight
 * 0 moves nothing. When such a model is used, the running statistics take their place.
 *
 * Training mode mixes the examples of a batch; federated models better use group or layer normalisation. Hsieh et
 * al., ICML 2020, section 5.
 */
import { floatAttribute, intAttribute } from '../attribute.ts';
import type { Value } from '../graph.ts';
import type { GraphBuilder } from '../graph-builder.ts';
import { axisLength, elementCount, type Shape } from '../tensor-type.ts';
import type { LoweringQuery } from './lowering-rule.ts';

function batchNormalization(query: LoweringQuery): Value {
  const { g, mode, attributes } = query;
  const [x, scale, bias, mean, variance] = [0, 1, 2, 3, 4].map((index) => query.input(index));
  if (!x || !scale || !bias || !mean || !variance) throw new Error('unreachable');
  if (x.shape.length < 2) return query.fail(`shape [${x.shape}] has no channels`);
  if (intAttribute(attributes, 'spatial', 1) !== 1) query.fail('statistics of single positions (spatial 0)');
  const channels = axisLength(x.shape, 1);
  for (const value of [scale, bias, mean, variance])
    if (value.shape.length !== 1 || value.shape[0] !== channels)
      query.fail(`shape [${value.shape}] where one number for each of ${channels} channels is needed`);
  const epsilon = floatAttribute(attributes, 'epsilon', 1e-5);
  const isTraining = intAttribute(attributes, 'training_mode', 0) !== 0;
  const affine = { x, scale, bias, epsilon };
  if (!isTraining || mode.kind === 'inference') return normalized(g, { ...affine, mean, variance });

  const statistics = batchStatistics(g, x, mode.weight);
  const keep = floatAttribute(attributes, 'momentum', 0.9);
  const move = g.where(statistics.active, g.scalar(1 - keep), g.scalar(0));
  const moved = (running: Value, current: Value) => g.add(running, g.mul(g.sub(current, running), move));
  query.updateStatistic(3, moved(mean, statistics.mean));
  query.updateStatistic(4, moved(variance, statistics.unbiasedVariance));
  return normalized(g, { ...affine, mean: statistics.mean, variance: statistics.variance });
}

interface Normalization {
  readonly x: Value;
  readonly scale: Value;
  readonly bias: Value;
  readonly mean: Value;
  readonly variance: Value;
  readonly epsilon: number;
}

function normalized(g: GraphBuilder, { x, scale, bias, mean, variance, epsilon }: Normalization): Value {
  const perChannel = (value: Value) => g.reshape(value, channelShape(x.shape));
  const deviation = g.apply('Sqrt', [g.add(variance, g.scalar(epsilon))]);
  const factor = g.div(scale, deviation);
  return g.add(g.mul(g.sub(x, perChannel(mean)), perChannel(factor)), perChannel(bias));
}

/** Weighted over the examples, [C] each; 0 for a batch without weight. */
function batchStatistics(g: GraphBuilder, x: Value, weight: Value) {
  const others = [...x.shape.keys()].filter((axis) => axis !== 1);
  const positions = elementCount(x.shape.slice(2));
  const total = g.total(weight);
  const active = g.apply('Greater', [total, g.scalar(0)]);
  const count = g.mul(g.where(active, total, g.scalar(1)), g.scalar(positions));
  const share = g.reshape(g.div(weight, count), [axisLength(x.shape, 0), ...x.shape.slice(1).fill(1)]);
  const mean = g.reduce('ReduceSum', g.mul(x, share), others, false);
  const centred = g.sub(x, g.reshape(mean, channelShape(x.shape)));
  const variance = g.reduce('ReduceSum', g.mul(g.mul(centred, centred), share), others, false);
  // n / (n - 1), n being the elements behind a statistic; 1 where there is one.
  const rest = g.apply('Max', [g.sub(count, g.scalar(1)), g.scalar(1)]);
  const unbiasedVariance = g.mul(variance, g.div(count, rest));
  return { mean, variance, unbiasedVariance, active };
}

function channelShape(shape: Shape): number[] {
  return shape.slice(1).map((length, axis) => (axis === 0 ? length : 1));
}

export const BATCH_NORMALIZATION_LOWERINGS = { BatchNormalization: batchNormalization };
