/** Where a tab trains, and why there. */

export interface EngineReport {
  readonly provider: 'webgpu' | 'wasm';
  readonly threads: number;
  /** Why this one, and not another, for people. */
  readonly reason: string;
  /** From the first byte of the runtime to the end of a first training. */
  readonly warmUpMs: number;
}
