/**
 * The execution providers of a participant in a browser, best first. Each is imported only when it is considered: the
 * megabytes of the one that is not used are not fetched.
 */
import type { ProviderCandidate } from './provider.ts';

export const WEB_PROVIDERS: readonly ProviderCandidate[] = [
  {
    name: 'webgpu',
    automatic: true,
    load: async () => (await import('./webgpu.ts')).loadWebgpuProvider(),
  },
  {
    name: 'wasm',
    automatic: true,
    load: async (options) => (await import('./web-wasm.ts')).loadWebWasmProvider(options),
  },
];
