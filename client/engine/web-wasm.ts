/**
 * The provider `wasm` of a browser: the build of `onnxruntime-web` without WebGPU, a half of its size and three to six
 * times faster on a processor than the one that can wait for a graphics card. Threads need a page that is isolated
 * (COOP `same-origin`, COEP `require-corp`); without, there is one.
 */
import { createOrtSession } from './ort-session.ts';
import type { ExecutionProvider, ProviderOptions } from './provider.ts';
import { loadWebRuntime } from './web-runtime.ts';

/** Throws `providerUnavailable`. The number of threads is settled by the first call of a page. */
export async function loadWebWasmProvider({ threads }: ProviderOptions): Promise<ExecutionProvider> {
  const used = globalThis.crossOriginIsolated ? threads : 1;
  const runtime = await loadWebRuntime(
    { asked: 'wasm', threads: used },
    () => import('onnxruntime-web/wasm'),
  );
  const single = used < threads ? ', one thread: the page is not isolated' : '';
  return {
    name: 'wasm',
    threads: used,
    reason: `ONNX Runtime ${runtime.env.versions.web ?? ''} as WebAssembly${single}`,
    createSession: (model) => createOrtSession(runtime, model, { executionProviders: ['wasm'] }),
  };
}
