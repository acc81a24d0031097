/**
 * The smallest model that a device has to compute something for: y = x + x, one float. A provider that may be missing
 * makes a session of it, and so finds out.
 */
import { create, toBinary } from '@bufbuild/protobuf';
import { ModelProtoSchema } from '../graph/gen/onnx_pb.ts';

export function probeModel(): Uint8Array {
  const one = { denotation: '', value: { case: 'dimValue', value: 1n } } as const;
  const float = { elemType: 1, shape: { dim: [one] } };
  const type = { value: { case: 'tensorType', value: float } } as const;
  const graph = {
    name: 'probe',
    node: [{ opType: 'Add', input: ['x', 'x'], output: ['y'] }],
    input: [{ name: 'x', type }],
    output: [{ name: 'y', type }],
  };
  const model = { irVersion: 10n, opsetImport: [{ domain: '', version: 20n }], graph };
  return toBinary(ModelProtoSchema, create(ModelProtoSchema, model));
}
