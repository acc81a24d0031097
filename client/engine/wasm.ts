/**
 * The provider `wasm`: ONNX Runtime as WebAssembly, from `onnxruntime-web`. Runs wherever JavaScript does, and with
 * its single thread it is the reference for results that must be the same to the bit on every machine.
 *
 * In Node the bare package name is the one entry that works; a browser build loads `onnxruntime-web/wasm` instead.
 */
import { createOrtSession } from './ort-session.ts';
import type { ExecutionProvider } from './provider.ts';
import { loadWebRuntime } from './web-runtime.ts';

/** One thread, whatever is asked for. Throws `providerUnavailable`. */
export async function loadWasmProvider(): Promise<ExecutionProvider> {
  const runtime = await loadWebRuntime({ asked: 'wasm', threads: 1 }, () => import('onnxruntime-web'));
  return {
    name: 'wasm',
    threads: 1,
    reason: `ONNX Runtime ${runtime.env.versions.web ?? ''} as WebAssembly`,
    createSession: (model) => createOrtSession(runtime, model, { executionProviders: ['wasm'] }),
  };
}
