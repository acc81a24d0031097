/**
 * Loading `onnxruntime-web`, in whichever of its builds: the same in Node and in a browser.
 */
import { HanseError } from '../../protocol/problem.ts';
import type { ProviderName } from '../../schemas/provider.ts';
import type { OrtRuntime } from './ort-session.ts';

export interface WebRuntimeOptions {
  /** The provider that needs it, which the problem names. */
  readonly asked: ProviderName;
  /** Settled by the first call of a process or page. */
  readonly threads: number;
}

/**
 * @param load imports the build: bundlers have to see its name
 * Throws `providerUnavailable`.
 */
export async function loadWebRuntime(
  { asked, threads }: WebRuntimeOptions,
  load: () => Promise<OrtRuntime>,
): Promise<OrtRuntime> {
  try {
    const runtime = await load();
    runtime.env.logLevel = 'fatal'; // errors are thrown, with the same words
    runtime.env.wasm.numThreads = threads;
    return runtime;
  } catch (cause) {
    const reason = 'onnxruntime-web could not be loaded';
    throw new HanseError('providerUnavailable', { asked, reason }, { cause });
  }
}
