/**
 * The provider `cuda`: onnxruntime-node on an NVIDIA card. Untested, hence never chosen unless asked for: the CUDA
 * binaries are not in the package and have to be put there by the operator. Node only.
 */
import { HanseError } from '../../protocol/problem.ts';
import { loadNativeRuntime } from './cpu.ts';
import { createOrtSession } from './ort-session.ts';
import { probeModel } from './probe-model.ts';
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
