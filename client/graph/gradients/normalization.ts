/**
 * Gradient of layer normalisation. Ba, Kiros and Hinton, arXiv 1607.06450. With h = (x - m) r, m the mean and
 * r = 1 / sqrt(variance + epsilon), y = s h + b and d the gradient by y, e = d s:
 *
 *   by x: r (e - mean(e) - h mean(e h))      by s: sum(d h)      by b: sum(d)
 *
 * and where m and r, its other outputs, are used with gradients u and v: (u - v r^2 h) / n more by x, n being the
 * number of elements behind a mean. Mean and deviation are those of the forward pass, so no row is centred twice.
 */
import { intAttribute } from '../attribute.ts';
import type { Value } from '../graph.ts';
import { elementCount } from '../tensor-type.ts';
import { type GradientQuery, type GradientRule, sumToShape } from './gradient-rule.ts';

const layerNormalization: GradientRule = (query) => {
  const { g, node, upstreams, output, input } = query;
  const x = input(0);
  const scale = input(1);
  const bias = node.inputs[2];
  const [, mean, inverse] = node.outputs;
  if (!mean || !inverse) throw new RangeError('LayerNormalization has three outputs');
  const [d, byMean, byInverse] = upstreams;
  const asked = intAttribute(node.attributes, 'axis', -1);
  const axes = [...x.shape.keys()].slice(asked);
  const isPlain = bias === undefined && isOne(query, scale);

  let known: Value | undefined;
  const normal = () => {
    known ??= isPlain ? output : g.mul(g.sub(x, mean), inverse);
    return known;
  };
  const meanOf = (value: Value) => g.reduce('ReduceMean', value, axes, true);
  const byX = () => {
    const parts: Value[] = [];
    if (d) {
      const e = isPlain ? d : g.mul(d, scale);
      const projected = g.mul(normal(), meanOf(g.mul(e, normal())));
      parts.push(g.mul(g.sub(g.sub(e, meanOf(e)), projected), inverse));
    }
    const share = g.scalar(elementCount(mean.shape) / elementCount(x.shape));
    const repeat = (value: Value) => g.apply('Expand', [value, g.integers(x.shape)]);
    if (byMean) parts.push(repeat(g.mul(byMean, share)));
    if (byInverse) {
      const slope = g.mul(g.mul(byInverse, share), g.mul(inverse, inverse));
      parts.push(g.apply('Neg', [g.mul(slope, normal())]));
    }
    return parts.reduce((sum, part) => g.add(sum, part));
  };
  return [
    byX,
    d && (() => sumToShape(g, g.mul(d, normal()), scale.shape)),
    d && bias && (() => sumToShape(g, d, bias.shape)),
  ];
};

/** Whether a value is known to be 1 everywhere. */
function isOne({ g }: GradientQuery, value: Value): boolean {
  const constant = g.constantOf(value);
  return constant?.dtype === 'float32' && constant.data.every((element) => element === 1);
}

export const NORMALIZATION_GRADIENTS = { LayerNormalization: layerNormalization } satisfies Record<
  string,
  GradientRule
>;
