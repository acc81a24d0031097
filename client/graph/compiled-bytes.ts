/**
 * The bytes of a compiled graph, if it is one that this node would run.
 */
import { costOf } from './cost.ts';
import type { Graph } from './graph.ts';
import { enforceLimit, type GraphLimits } from './limits.ts';
import { encodeModel } from './onnx-encode.ts';

/** @throws graphTooLarge where running it once takes more memory than the limits permit */
export function compiledBytes(graph: Graph, limits: GraphLimits): Uint8Array {
  enforceLimit(limits, 'memory', costOf(graph).peakBytes);
  return encodeModel(graph);
}
