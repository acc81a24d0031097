/**
 * What a step, an epoch or an evaluation is fed with, drawn from a seed.
 */
import type { ParameterSpec, TensorSpec } from '../../../client/graph/compiled.ts';
import type { ForwardGraph } from '../../../client/graph/forward-graph.ts';
import { initialParameters } from '../../../client/graph/parameters.ts';
import { elementCount } from '../../../client/graph/tensor-type.ts';
import type { RandomNumbers } from '../../../protocol/random.ts';
import type { Feed } from './onnx-runtime.ts';

interface Border {
  readonly parameters: readonly ParameterSpec[];
  readonly state?: readonly TensorSpec[];
}

/** The parameters of the model and zeros for the state, by name. */
export function initialTensors(forward: ForwardGraph, { parameters, state = [] }: Border): Map<string, Feed> {
  const flat = initialParameters(forward);
  const feeds = new Map<string, Feed>();
  for (const { name, shape, offset, size } of parameters)
    feeds.set(name, { shape, data: Float64Array.from(flat.subarray(offset, offset + size)) });
  for (const { name, shape } of state)
    feeds.set(name, { shape, data: new Float64Array(elementCount(shape)) });
  return feeds;
}

export interface Batch {
  readonly x: Feed;
  readonly y: Feed;
  readonly weight: Feed;
}

/** Normal inputs; targets uniform in [0, 1) or labels below `classes`; all weights 1. */
export function drawBatch(
  random: RandomNumbers,
  { input, target }: { readonly input: TensorSpec; readonly target: TensorSpec },
  classes: number,
): Batch {
  const draw = ({ shape, type }: TensorSpec, one: () => number): Feed => {
    const values = Float64Array.from({ length: elementCount(shape) }, () => Math.fround(one()));
    return { shape, data: type === 'int32' ? Int32Array.from(values) : values };
  };
  const count = input.shape[0] ?? 0;
  return {
    x: draw(input, () => random.normal()),
    y: draw(target, target.type === 'int32' ? () => random.below(classes) : () => random.unit()),
    weight: { shape: [count], data: new Float64Array(count).fill(1) },
  };
}

/** The batches one behind the other along a new leading axis. */
export function stackBatches(batches: readonly Batch[]): Batch {
  const stack = (feeds: readonly Feed[]): Feed => {
    const shape = [feeds.length, ...(feeds[0]?.shape ?? [])];
    const values = feeds.flatMap(({ data }) => Array.from(data));
    return {
      shape,
      data: feeds[0]?.data instanceof Int32Array ? Int32Array.from(values) : Float64Array.from(values),
    };
  };
  return {
    x: stack(batches.map(({ x }) => x)),
    y: stack(batches.map(({ y }) => y)),
    weight: stack(batches.map(({ weight }) => weight)),
  };
}

export function scalar(value: number): Feed {
  return { shape: [], data: Float64Array.of(value) };
}

/** Feeds of one run by name. @param learningRate of one step, or of every step of an epoch */
export function feedsOf(
  tensors: ReadonlyMap<string, Feed>,
  batch: Partial<Batch>,
  learningRate?: number | readonly number[],
): Map<string, Feed> {
  const feeds = new Map<string, Feed>([...tensors, ...Object.entries(batch)]);
  if (typeof learningRate === 'number') feeds.set('lr', scalar(learningRate));
  else if (learningRate)
    feeds.set('lr', { shape: [learningRate.length], data: Float64Array.from(learningRate) });
  return feeds;
}
