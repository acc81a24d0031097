/**
 * The provider `wasm`: ONNX Runtime as WebAssembly, from `onnxruntime-web`. Runs wherever JavaScript does, and with
 * its single thread it is the reference for results that must be the same to the bit on every machine.
 *
 * In Node the bare package name is the one entry that works; a browser build loads `onnxruntime-web/wasm` instead.
 */
import { HanseError } from '../../protocol/problem.ts';
import { createOrtSession, type OrtRuntime } from './ort-session.ts';
import type { ExecutionProvider } from './provider.ts';

/** One thread, whatever is asked for. Throws `providerUnavailable`. */
export async function loadWasmProvider(): Promise<ExecutionProvider> {
  const runtime = await loadWasmRuntime();
  return {
    name: 'wasm',
    threads: 1,
    reason: `ONNX Runtime ${runtime.env.versions.web ?? ''} as WebAssembly`,
    createSession: (model) => createOrtSession(runtime, model, { executionProviders: ['wasm'] }),
  };
}

async function loadWasmRuntime(): Promise<OrtRuntime> {
  try {
    const runtime = await import('onnxruntime-web');
    runtime.env.logLevel = 'fatal'; // errors are thrown, with the same words
    runtime.env.wasm.numThreads = 1;
    return runtime;
  } catch (cause) {
    const reason = 'onnxruntime-web could not be loaded';
    throw new HanseError('providerUnavailable', { asked: 'wasm', reason }, { cause });
  }
}
