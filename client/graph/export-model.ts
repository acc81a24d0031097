/**
 * Writes a model with new values for its parameters: the message it was read from, their tensors replaced, all else as
 * it was, including a free batch axis and fields this program does not know. What the model kept in other files is
 * within. Deterministic.
 */
import { create, type DescMessage, type MessageShape } from '@bufbuild/protobuf';
import type { ForwardGraph } from './forward-graph.ts';
import {
  AttributeProtoSchema,
  GraphProtoSchema,
  ModelProtoSchema,
  type NodeProto,
  NodeProtoSchema,
  type TensorProto,
  TensorProtoSchema,
} from './gen/onnx_pb.ts';
import { writeModel } from './onnx-write.ts';
import { parameterSpecs, requireParameterVector } from './parameters.ts';
import { bytesOf } from './tensor-bytes.ts';
import type { Constant } from './tensor-type.ts';

/**
 * @param parameters the flat vector, in the order of `parameterSpecs`
 * @throws invalidLength
 */
export function exportModel(forward: ForwardGraph, parameters: Float32Array): Uint8Array {
  requireParameterVector(forward, parameters);
  const { model } = forward;
  const { graph } = model;
  if (!graph) throw new Error('unreachable');
  const trained = new Map(
    parameterSpecs(forward).map(({ name, shape, offset, size }) => {
      return [name, { dtype: 'float32', shape, data: parameters.subarray(offset, offset + size) } as const];
    }),
  );
  const initializer = graph.initializer.map((tensor) => {
    const constant = trained.get(tensor.name);
    return constant ? tensorWith(tensor, constant) : tensor;
  });
  const node = graph.node.map((proto) => {
    const constant = proto.opType === 'Constant' ? trained.get(proto.output[0] ?? '') : undefined;
    return constant ? constantNodeWith(proto, constant) : proto;
  });
  const changed = changedMessage(GraphProtoSchema, graph, { initializer, node });
  return writeModel(changedMessage(ModelProtoSchema, model, { graph: changed }));
}

function tensorWith(tensor: TensorProto, constant: Constant): TensorProto {
  return changedMessage(TensorProtoSchema, tensor, { floatData: [], rawData: bytesOf(constant) });
}

/** A Constant node holds its value as a tensor, or as numbers. */
function constantNodeWith(node: NodeProto, constant: Constant & { dtype: 'float32' }): NodeProto {
  const attribute = node.attribute.map((proto) => {
    const t = proto.t && tensorWith(proto.t, constant);
    const [f = 0] = constant.data;
    const value = t ? { t } : proto.floats.length > 0 ? { floats: [...constant.data] } : { f };
    return changedMessage(AttributeProtoSchema, proto, value);
  });
  return changedMessage(NodeProtoSchema, node, { attribute });
}

/** A new message that shares with the old one whatever is not changed, also unknown fields. */
function changedMessage<Schema extends DescMessage>(
  schema: Schema,
  message: MessageShape<Schema>,
  changes: Partial<MessageShape<Schema>>,
): MessageShape<Schema> {
  return Object.assign(create(schema), message, changes);
}
