/**
 * A session of ONNX Runtime behind the `Session` interface. Its packages for Node and for WebAssembly have the same
 * API, described by `onnxruntime-common`, so one adapter serves both.
 *
 * Outputs are not allocated beforehand, though the API permits it: measured on onnxruntime-node 1.30 it saves nothing,
 * and onnxruntime-web 1.30 silently leaves such buffers unwritten.
 */
import type * as Ort from 'onnxruntime-common';
import { HanseError } from '../../protocol/problem.ts';
import type { Session, Tensor, Tensors } from './provider.ts';

export type OrtRuntime = typeof Ort;

/** Errors are thrown, with the same words. */
export const QUIETLY: Ort.InferenceSession.RunOptions = { logSeverityLevel: 4 };

/**
 * @param model   a serialised ModelProto; attacker-controlled unless compiled here
 * @param options execution providers and threads
 * Throws `graphMalformed`.
 */
export async function createOrtSession(
  runtime: OrtRuntime,
  model: Uint8Array,
  options: Ort.InferenceSession.SessionOptions,
): Promise<Session> {
  const session = await runtime.InferenceSession.create(model, {
    graphOptimizationLevel: 'all',
    executionMode: 'sequential',
    logSeverityLevel: 4, // fatal: errors are thrown, with the same words
    ...options,
  }).catch((cause: unknown) => {
    throw malformed(cause);
  });
  let released = false;
  return {
    async run(feeds) {
      if (released) throw new Error('the session has been released');
      const outputs = await session.run(toOrt(runtime, feeds), QUIETLY).catch((cause: unknown) => {
        throw beyondTable(cause) ?? malformed(cause);
      });
      return fromOrt(outputs);
    },
    async release() {
      if (released) return;
      released = true;
      await session.release();
    },
  };
}

/** Views of the same buffers. */
export function toOrt(runtime: OrtRuntime, feeds: Tensors): Record<string, Ort.Tensor> {
  const converted: Record<string, Ort.Tensor> = {};
  for (const [name, { type, data, shape }] of Object.entries(feeds)) {
    converted[name] = new runtime.Tensor(type, data, shape);
  }
  return converted;
}

/** Throws `graphMalformed` for an output of a type that has no place here. */
export function fromOrt(
  outputs: Readonly<Record<string, Pick<Ort.Tensor, 'type' | 'dims' | 'data'>>>,
): Tensors {
  const converted: Record<string, Tensor> = {};
  for (const [name, { type, data, dims: shape }] of Object.entries(outputs)) {
    if (type === 'float32' && data instanceof Float32Array) converted[name] = { type, shape, data };
    else if (type === 'int32' && data instanceof Int32Array) converted[name] = { type, shape, data };
    else if (type === 'int64' && data instanceof BigInt64Array) converted[name] = { type, shape, data };
    else if (type === 'bool' && data instanceof Uint8Array) converted[name] = { type, shape, data };
    else throw new HanseError('graphMalformed', { reason: `output ${name} has the type ${type}` });
  }
  return converted;
}

/** What the runtime says of a token, or another index, that a table has no row for: the data are at fault. */
const OUT_OF_BOUNDS = /out of (?:data )?bounds/;

function beyondTable(cause: unknown): HanseError<'dataShapeMismatch'> | undefined {
  if (!OUT_OF_BOUNDS.test(cause instanceof Error ? cause.message : String(cause))) return undefined;
  const problem = {
    what: 'tokens of the data',
    expected: 'rows of the table of the model',
    got: 'one beyond',
  };
  return new HanseError('dataShapeMismatch', problem, { cause });
}

/** The first line of what the runtime says, which names the node at fault; the rest are places in its source. */
export function malformed(cause: unknown): HanseError<'graphMalformed'> {
  const message = cause instanceof Error ? cause.message : String(cause);
  return new HanseError('graphMalformed', { reason: message.split('\n')[0]?.slice(0, 500) ?? '' }, { cause });
}
