/**
 * The provider `wasm` of a browser: the build of `onnxruntime-web` without WebGPU, a half of its size and three to six
 * times faster on a processor than the one that can wait for a graphics card. Threads need a page that is isolated
 * (COOP `same-origin`, COEP `require-corp`); without, there is one.
 */
import { HanseError } from '../../protocol/problem.ts';
import { createOrtSession, type OrtRuntime } from './ort-session.ts';
import type { ExecutionProvider, ProviderOptions } from './provider.ts';

/** Throws `providerUnavailable`. The number of threads is settled by the first call of a page. */
export async function loadWebWasmProvider({ threads }: ProviderOptions): Promise<ExecutionProvider> {
  const runtime = await loadRuntime();
  const used = globalThis.crossOriginIsolated ? threads : 1;
  runtime.env.wasm.numThreads = used;
  const single = used < threads ? ', one thread: the page is not isolated' : '';
  return {
    name: 'wasm',
    threads: used,
    reason: `ONNX Runtime ${runtime.env.versions.web ?? ''} as WebAssembly${single}`,
    createSession: (model) => createOrtSession(runtime, model, { executionProviders: ['wasm'] }),
  };
}

async function loadRuntime(): Promise<OrtRuntime> {
  try {
    const runtime = await import('onnxruntime-web/wasm');
    runtime.env.logLevel = 'fatal'; // errors are thrown, with the same words
    return runtime;
  } catch (cause) {
    const reason = 'onnxruntime-web could not be loaded';
    throw new HanseError('providerUnavailable', { asked: 'wasm', reason }, { cause });
  }
}
