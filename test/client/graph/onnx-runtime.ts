/**
 * ONNX Runtime for tests: the native one where it is installed, to be skipped with a message where it is not.
 */
import type { InferenceSession, Tensor } from 'onnxruntime-common';

interface Runtime {
  readonly InferenceSession: typeof InferenceSession;
  readonly Tensor: typeof Tensor;
}

async function load(): Promise<Runtime | undefined> {
  try {
    return await import('onnxruntime-node');
  } catch {
    console.warn('onnxruntime-node is not installed: comparisons with it are skipped');
    return undefined;
  }
}

const runtime = await load();

/** Whether graphs can be run. */
export const hasRuntime = runtime !== undefined;

/** What a tensor of a graph may be fed from. */
export interface Feed {
  readonly shape: readonly number[];
  readonly data: Float64Array | Int32Array;
}

/** A function that runs the model: feeds by name to outputs by name, in float32; labels are int32. */
export async function load32(
  bytes: Uint8Array,
): Promise<(feeds: ReadonlyMap<string, Feed>) => Promise<Map<string, Float32Array>>> {
  if (!runtime) throw new Error('onnxruntime-node is not installed');
  const { InferenceSession, Tensor } = runtime;
  const session = await InferenceSession.create(bytes, { executionProviders: ['cpu'], intraOpNumThreads: 1 });
  return async (feeds) => {
    const tensors = Object.fromEntries(
      [...feeds].map(([name, { shape, data }]) => [
        name,
        data instanceof Int32Array
          ? new Tensor('int32', data, shape)
          : new Tensor('float32', Float32Array.from(data), shape),
      ]),
    );
    const results = await session.run(tensors);
    return new Map(Object.entries(results).map(([name, tensor]) => [name, tensor.data as Float32Array]));
  };
}
