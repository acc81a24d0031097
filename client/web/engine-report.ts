/** Where a tab trains, and why there, and whether its cryptography is right. */
import type { SelfTestReport } from '../../protocol/secagg/self-test.ts';

export interface EngineReport {
  readonly provider: 'webgpu' | 'wasm';
  /** 1 on a graphics card. */
  readonly threads: number;
  /** Why this one, and not another, for people. */
  readonly reason: string;
  /** Milliseconds from the first byte of the runtime to the end of a first training. */
  readonly warmUpMs: number;
  /** Of the primitives in this browser. */
  readonly selfTest: SelfTestReport;
}
