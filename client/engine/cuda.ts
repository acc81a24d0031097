/**
 * The provider `cuda`: onnxruntime-node on an NVIDIA card. Untested, hence never chosen unless asked for: the CUDA
 * binaries are not in the package and have to be put there by the operator. Node only.
 */
import { create, toBinary } from '@bufbuild/protobuf';
import { HanseError } from '../../protocol/problem.ts';
import { ModelProtoSchema } from '../graph/gen/onnx_pb.ts';
import { loadNativeRuntime } from './cpu.ts';
import { createOrtSession } from './ort-session.ts';
import type { ExecutionProvider, ProviderOptions } from './provider.ts';

/** Throws `providerUnavailable` unless a session on the card can be made. */
export async function loadCudaProvider({ threads }: ProviderOptions): Promise<ExecutionProvider> {
  const runtime = await loadNativeRuntime('cuda');
  const createSession = (model: Uint8Array) =>
    createOrtSession(runtime, model, { executionProviders: ['cuda'], intraOpNumThreads: threads });
  try {
    await (await createSession(probeModel())).release();
  } catch (cause) {
    const reason = 'ONNX Runtime finds no CUDA libraries or no card';
    throw new HanseError('providerUnavailable', { asked: 'cuda', reason }, { cause });
  }
  return { name: 'cuda', threads, reason: 'ONNX Runtime on CUDA (untested)', createSession };
}

/** The smallest model there is: y = x, one float. */
export function probeModel(): Uint8Array {
  const one = { denotation: '', value: { case: 'dimValue', value: 1n } } as const;
  const float = { elemType: 1, shape: { dim: [one] } };
  const type = { value: { case: 'tensorType', value: float } } as const;
  const graph = {
    name: 'probe',
    node: [{ opType: 'Identity', input: ['x'], output: ['y'] }],
    input: [{ name: 'x', type }],
    output: [{ name: 'y', type }],
  };
  const model = { irVersion: 10n, opsetImport: [{ domain: '', version: 20n }], graph };
  return toBinary(ModelProtoSchema, create(ModelProtoSchema, model));
}
