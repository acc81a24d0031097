/**
 * Parameters that PyTorch merged, parted again.
 *
 * `torch.onnx.export` for use, which is its default, keeps one initialiser of those with equal elements and lets an
 * Identity node pass it on under the names of the others. Fresh layer norms, whose weights are all 1, become one in this
 * way; trained, they would be one for good, which they are not in PyTorch. What is shared on purpose is one value from
 * the beginning and gets no Identity. So in a model of this exporter an Identity of a float32 initialiser is an
 * initialiser of its own.
 */
import { create } from '@bufbuild/protobuf';
import {
  TensorProto_DataType as DataType,
  type ModelProto,
  type NodeProto,
  type TensorProto,
  TensorProtoSchema,
} from '../gen/onnx_pb.ts';

const EXPORTER = 'pytorch';

/** @param model changed in place; tensors share their bytes with those that they were merged into */
export function partMergedParameters({ producerName, graph }: ModelProto): void {
  if (producerName !== EXPORTER || !graph) return;
  const floats = new Map(
    graph.initializer
      .filter(({ dataType }) => dataType === DataType.FLOAT)
      .map((tensor) => [tensor.name, tensor]),
  );
  const outputs = new Set(graph.output.map(({ name }) => name));
  const others: NodeProto[] = [];
  for (const node of graph.node) {
    const merged = passesOn(node) ? floats.get(node.input[0] ?? '') : undefined;
    const [name = ''] = node.output;
    if (merged && name !== '' && !outputs.has(name)) graph.initializer.push(named(merged, name));
    else others.push(node);
  }
  graph.node = others;
}

function passesOn({ opType, domain, input, output }: NodeProto): boolean {
  return opType === 'Identity' && domain === '' && input.length === 1 && output.length === 1;
}

function named(tensor: TensorProto, name: string): TensorProto {
  return Object.assign(create(TensorProtoSchema), tensor, { name });
}
