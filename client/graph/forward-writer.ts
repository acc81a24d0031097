/**
 * Writes a forward model as ONNX with a free batch axis: the counterpart of the importer for models of our own.
 */
import { create, toBinary } from '@bufbuild/protobuf';
import type { Attributes } from './attribute.ts';
import type { ForwardParameter } from './forward-graph.ts';
import {
  TensorProto_DataType as DataType,
  GraphProtoSchema,
  ModelProtoSchema,
  NodeProtoSchema,
  OperatorSetIdProtoSchema,
  TensorShapeProto_DimensionSchema,
  TensorShapeProtoSchema,
  TypeProtoSchema,
  type ValueInfoProto,
  ValueInfoProtoSchema,
} from './gen/onnx_pb.ts';
import { encodeAttribute, encodeTensor, IR_VERSION, OPSET_VERSION } from './onnx-encode.ts';
import type { Operator } from './shapes/shape-rules.ts';
import type { Shape } from './tensor-type.ts';

/** A model in names: nodes read the input, parameters and what nodes before them gave. */
export interface ForwardDescription {
  readonly name: string;
  /** `shape` is that of one example. */
  readonly input: { readonly name: string; readonly shape: Shape };
  readonly parameters: readonly ForwardParameter[];
  readonly nodes: readonly {
    readonly op: Operator;
    readonly inputs: readonly string[];
    readonly output: string;
    readonly attributes?: Attributes;
  }[];
  readonly output: { readonly name: string; readonly shape: Shape };
}

/** The serialised ModelProto; equal descriptions give equal bytes. */
export function writeForward(description: ForwardDescription): Uint8Array {
  const { name, input, parameters, nodes, output } = description;
  const graph = create(GraphProtoSchema, {
    name,
    node: nodes.map((node) =>
      create(NodeProtoSchema, {
        name: `${node.op}:${node.output}`,
        opType: node.op,
        input: [...node.inputs],
        output: [node.output],
        attribute: Object.entries(node.attributes ?? {}).map(([key, value]) => encodeAttribute(key, value)),
      }),
    ),
    initializer: parameters.map(({ name: parameter, shape, data }) =>
      encodeTensor(parameter, { dtype: 'float32', shape, data }),
    ),
    input: [batchInfo(input.name, input.shape)],
    output: [batchInfo(output.name, output.shape)],
  });
  const model = create(ModelProtoSchema, {
    irVersion: BigInt(IR_VERSION),
    producerName: 'hanse',
    opsetImport: [create(OperatorSetIdProtoSchema, { domain: '', version: BigInt(OPSET_VERSION) })],
    graph,
  });
  return toBinary(ModelProtoSchema, model);
}

function batchInfo(name: string, example: Shape): ValueInfoProto {
  const batch = create(TensorShapeProto_DimensionSchema, { value: { case: 'dimParam', value: 'batch' } });
  const lengths = example.map((length) =>
    create(TensorShapeProto_DimensionSchema, { value: { case: 'dimValue', value: BigInt(length) } }),
  );
  const shape = create(TensorShapeProtoSchema, { dim: [batch, ...lengths] });
  const type = create(TypeProtoSchema, {
    value: { case: 'tensorType', value: { elemType: DataType.FLOAT, shape } },
  });
  return create(ValueInfoProtoSchema, { name, type });
}
