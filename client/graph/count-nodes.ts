/**
 * How many operators a serialised graph has, those in bodies included: the size of it in one number.
 */
import { fromBinary } from '@bufbuild/protobuf';
import { type GraphProto, ModelProtoSchema } from './gen/onnx_pb.ts';

/** @param bytes a graph compiled here; others may be malformed, which throws */
export function countNodes(bytes: Uint8Array): number {
  const { graph } = fromBinary(ModelProtoSchema, bytes);
  return graph ? nodesOf(graph) : 0;
}

function nodesOf(graph: GraphProto): number {
  let count = graph.node.length;
  for (const node of graph.node) for (const { g } of node.attribute) if (g) count += nodesOf(g);
  return count;
}
