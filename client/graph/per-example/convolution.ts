/**
 * Gradients of single examples by the kernels of a convolution. An example is a sequence of windows, one row per
 * position, and a kernel is a dense layer on each: with the windows W_n [positions, elements] and the gradients D_n
 * [channels, positions] of what they became, G_n = D_n W_n. Its norm comes from G_n or, where kernels are large and
 * positions few, from Gram matrices of both, as for sequences. Rochette, Manoel, Tramel, arXiv 1912.06015.
 *
 * For a transposed convolution the windows lie in the gradient and what they became is the input.
 */
import { int } from '../attribute.ts';
import { geometryOf } from '../gradients/convolution.ts';
import type { Value } from '../graph.ts';
import type { GraphBuilder } from '../graph-builder.ts';
import { axisLength, elementCount, type Shape } from '../tensor-type.ts';
import { type WindowAxis, windowIndices } from '../window.ts';
import { gramNorm, scaledRule } from './dense.ts';
import {
  type ExampleGradient,
  examplesFirst,
  fromMaterialized,
  type Junction,
  squaredRows,
} from './example-gradient.ts';

/** The kernels of Conv and ConvTranspose are input 1. */
export function kernelGradient(junction: Junction, kernel: Value): ExampleGradient {
  const { g, query } = junction;
  const { window, groups } = geometryOf(query, kernel.shape.slice(2));
  const isTransposed = query.node.op === 'ConvTranspose';
  const [image, became] = isTransposed ? [query.upstream, query.input(0)] : [query.input(0), query.upstream];
  const [outputs = 1, perGroup = 1, ...sides] = kernel.shape;
  const [images = 1] = became.shape;
  const positions = elementCount(became.shape.slice(2));
  const elements = elementCount(sides);

  const rows = once(() => windowsByPosition(g, image, window, became.shape.slice(2), groups));
  const columns = once(() => g.reshape(became, [images, groups, outputs / groups, positions]));
  /** [B, outputs, elements, channels of a group], flat behind the first axis. */
  const products = once(() => {
    const each = g.apply('MatMul', [columns(), rows()]);
    return perExample(junction, g.reshape(each, [images, outputs * elements * perGroup]));
  });
  /** From there to the order of the kernels, for any number of them. */
  const arranged = (value: Value) => {
    const [count = 1] = value.shape;
    const split = g.reshape(value, [count, outputs, elements, perGroup]);
    return g.reshape(g.transpose(split, [0, 1, 3, 2]), [count, outputs * perGroup * elements]);
  };

  const width = elements * perGroup;
  const isAlone = images === junction.batchSize && groups === 1;
  if (isAlone && positions * (width + outputs) < width * outputs)
    return {
      ...fromMaterialized(g, () => arranged(products()), kernel.shape),
      squaredNorm() {
        const seen = g.reshape(rows(), [images, positions, width]);
        const gradients = g.transpose(g.reshape(columns(), [images, outputs, positions]), [0, 2, 1]);
        return gramNorm(g, seen, gradients);
      },
      weightedSum: (factor) => scaledRule(junction, factor),
    };
  return {
    squaredNorm: () => squaredRows(g, products()),
    materialized: () => arranged(products()),
    weightedSum(factor) {
      const sum = g.gemm(g.reshape(factor, [1, junction.batchSize]), products());
      return g.reshape(arranged(sum), kernel.shape);
    },
  };
}

/** The bias of either is input 2: its gradient is the sum over all positions. */
export function channelBiasGradient(junction: Junction, bias: Value): ExampleGradient {
  const { g, query } = junction;
  const { upstream } = query;
  return fromMaterialized(
    g,
    () => {
      const axes = [...upstream.shape.keys()].slice(2);
      return perExample(junction, g.reduce('ReduceSum', upstream, axes, false));
    },
    bias.shape,
  );
}

/** [images, n] to [B, n]: an example may have several images. */
function perExample({ g, batch, batchSize }: Junction, value: Value): Value {
  if (axisLength(value.shape, 0) === batchSize) return value;
  return g.reduce('ReduceSum', examplesFirst(g, value, batch, batchSize), [1], false);
}

/** All windows, [images, groups, positions, elements of the kernel * channels of a group]. */
function windowsByPosition(
  g: GraphBuilder,
  image: Value,
  window: readonly WindowAxis[],
  positions: Shape,
  groups: number,
): Value {
  const [images = 1, channels = 1, ...lengths] = image.shape;
  const pixels = elementCount(lengths);
  const places = elementCount(positions);
  const byElement = windowIndices(window, lengths, positions);
  const elements = byElement.length / places;
  const order = Int32Array.from(byElement, (_, at) => {
    const index = byElement[(at % elements) * places + Math.floor(at / elements)] ?? -1;
    // What lies in the padding is read from one more pixel, of zeros.
    return index < 0 ? pixels : index;
  });
  const lines = g.transpose(g.reshape(image, [images, channels, pixels]), [0, 2, 1]);
  const zeros = new Float32Array(images * channels);
  const blank = () => g.constant({ dtype: 'float32', shape: [images, 1, channels], data: zeros });
  const source = order.includes(pixels) ? g.apply('Concat', [lines, blank()], { axis: int(1) }) : lines;
  const at = g.constant({ dtype: 'int32', shape: [order.length], data: order });
  const seen = g.apply('Gather', [source, at], { axis: int(1) });
  const split = g.reshape(seen, [images, places, elements, groups, channels / groups]);
  const grouped = groups === 1 ? split : g.transpose(split, [0, 3, 1, 2, 4]);
  return g.reshape(grouped, [images, groups, places, (elements * channels) / groups]);
}

/** A value that is built when it is first asked for. */
function once(build: () => Value): () => Value {
  let built: Value | undefined;
  return () => {
    built ??= build();
    return built;
  };
}
