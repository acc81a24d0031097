/**
 * Writes a model with new values for its parameters: the message it was read from, initialisers replaced, all else
 * as it was, including a free batch axis and fields this program does not know. Deterministic.
 */
import { clone, toBinary } from '@bufbuild/protobuf';
import type { ForwardGraph } from './forward-graph.ts';
import { ModelProtoSchema } from './gen/onnx_pb.ts';
import { encodeTensor } from './onnx-encode.ts';
import { parameterSpecs, requireParameterVector } from './parameters.ts';

/**
 * @param parameters the flat vector, in the order of `parameterSpecs`
 * @throws invalidLength
 */
export function exportModel(forward: ForwardGraph, parameters: Float32Array): Uint8Array {
  requireParameterVector(forward, parameters);
  const model = clone(ModelProtoSchema, forward.model);
  const specs = new Map(parameterSpecs(forward).map((spec) => [spec.name, spec]));
  for (const tensor of model.graph?.initializer ?? []) {
    const spec = specs.get(tensor.name);
    if (!spec) continue;
    const data = parameters.subarray(spec.offset, spec.offset + spec.size);
    tensor.floatData = [];
    tensor.rawData = encodeTensor(tensor.name, { dtype: 'float32', shape: spec.shape, data }).rawData;
  }
  return toBinary(ModelProtoSchema, model);
}
