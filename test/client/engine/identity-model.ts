/**
 * A model that computes nothing: two values of every type that crosses the border, in and out. For tests of sessions.
 */
import { create, toBinary } from '@bufbuild/protobuf';
import { TensorProto_DataType as DataType, ModelProtoSchema } from '../../../client/graph/gen/onnx_pb.ts';

const TYPES = {
  float32: DataType.FLOAT,
  int32: DataType.INT32,
  int64: DataType.INT64,
  bool: DataType.BOOL,
};

/** Input `<type>` of shape [2], output `<type>_out`. */
export function identityModel(): Uint8Array {
  const types = Object.entries(TYPES);
  const graph = {
    name: 'identity',
    node: types.map(([name]) => ({ opType: 'Identity', input: [name], output: [`${name}_out`] })),
    input: types.map(([name, elemType]) => port(name, elemType)),
    output: types.map(([name, elemType]) => port(`${name}_out`, elemType)),
  };
  const opsetImport = [{ domain: '', version: 20n }];
  return toBinary(ModelProtoSchema, create(ModelProtoSchema, { irVersion: 10n, opsetImport, graph }));
}

function port(name: string, elemType: DataType) {
  const dim = [{ value: { case: 'dimValue', value: 2n } as const }];
  return { name, type: { value: { case: 'tensorType', value: { elemType, shape: { dim } } } as const } };
}
