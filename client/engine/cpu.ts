/**
 * The provider `cpu`: ONNX Runtime compiled for this machine, from the optional package `onnxruntime-node`.
 * Three to eight times faster than WebAssembly on dense layers. Node only.
 */
import { HanseError } from '../../protocol/problem.ts';
import type { ProviderName } from '../../schemas/provider.ts';
import { createOrtSession, type OrtRuntime } from './ort-session.ts';
import type { ExecutionProvider, ProviderOptions } from './provider.ts';

/** Throws `providerUnavailable` where the package or its binary for this platform is missing. */
export async function loadCpuProvider({ threads }: ProviderOptions): Promise<ExecutionProvider> {
  const runtime = await loadNativeRuntime('cpu');
  return {
    name: 'cpu',
    threads,
    reason: `native ONNX Runtime ${runtime.env.versions.node ?? ''}`.trim(),
    createSession: (model) =>
      createOrtSession(runtime, model, {
        executionProviders: ['cpu'],
        intraOpNumThreads: threads,
        interOpNumThreads: 1,
      }),
  };
}

/** Throws `providerUnavailable` in the name of the provider that needs it. */
export async function loadNativeRuntime(asked: ProviderName): Promise<OrtRuntime> {
  try {
    const runtime = await import('onnxruntime-node');
    // Errors are thrown, with the same words; the log would repeat them on standard error.
    runtime.env.logLevel = 'fatal';
    return runtime;
  } catch (cause) {
    const reason = 'onnxruntime-node is not installed, or not for this platform';
    throw new HanseError('providerUnavailable', { asked, reason }, { cause });
  }
}
