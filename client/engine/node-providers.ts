/**
 * The execution providers of a participant that runs in Node, best first. Each is imported only when it is considered,
 * so that a missing optional package, or the megabytes of one that is not needed, cost nothing.
 */
import type { ProviderCandidate } from './provider.ts';

export const NODE_PROVIDERS: readonly ProviderCandidate[] = [
  {
    name: 'cpu',
    automatic: true,
    load: async (options) => (await import('./cpu.ts')).loadCpuProvider(options),
  },
  {
    name: 'wasm',
    automatic: true,
    load: async () => (await import('./wasm.ts')).loadWasmProvider(),
  },
  {
    name: 'cuda',
    automatic: false,
    load: async (options) => (await import('./cuda.ts')).loadCudaProvider(options),
  },
  {
    name: 'webgpu',
    automatic: false,
    load: async () => (await import('./node-webgpu.ts')).loadNodeWebgpuProvider(),
  },
];
