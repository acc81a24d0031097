/** Where a tab trains, and why there. */

export interface EngineReport {
  readonly provider: 'webgpu' | 'wasm';
  /** 1 on a graphics card. */
  readonly threads: number;
  /** Why this one, and not another, for people. */
  readonly reason: string;
  /** Milliseconds from the first byte of the runtime to the end of a first training. */
  readonly warmUpMs: number;
}
