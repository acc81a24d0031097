/**
 * Execution providers: where ONNX Runtime runs a train step. SPEC.md section 6.4.
 */
import { type Static, Type } from 'typebox';

/** cpu: onnxruntime-node; wasm: onnxruntime-web, single thread, the portable reference; webgpu; cuda: untested. */
export const ProviderName = Type.Union([
  Type.Literal('cpu'),
  Type.Literal('wasm'),
  Type.Literal('webgpu'),
  Type.Literal('cuda'),
]);
export type ProviderName = Static<typeof ProviderName>;
