/**
 * Linear regression, y = x W + b.
 */
import type { ForwardGraph } from '../forward-graph.ts';
import { writeForward } from '../forward-writer.ts';
import { importModel } from '../import-model.ts';

/** Starts at zero, as a convex problem may. @param inputs >= 1 @param outputs >= 1 */
export function linear(inputs: number, outputs: number): ForwardGraph {
  return importModel(linearBytes(inputs, outputs));
}

/** The same model as ONNX bytes. */
export function linearBytes(inputs: number, outputs: number): Uint8Array {
  return writeForward({
    name: 'linear',
    input: { name: 'x', shape: [inputs] },
    parameters: [
      { name: 'linear.weight', shape: [inputs, outputs], data: new Float32Array(inputs * outputs) },
      { name: 'linear.bias', shape: [outputs], data: new Float32Array(outputs) },
    ],
    nodes: [{ op: 'Gemm', inputs: ['x', 'linear.weight', 'linear.bias'], output: 'y' }],
    output: { name: 'y', shape: [outputs] },
  });
}
