/** Where a tab trains, and why there. */

export interface EngineReport {
  readonly provider: 'webgpu' | 'wasm';
  readonly threads: number;
  /** Why this one, and not another, for people. */
  readonly reason: string;
  /** Adapter of WebGPU, as far as the browser tells. */
  readonly adapter?: string;
  readonly warmUpMs: number;
}
