/**
 * Writes a forward model as ONNX with a free batch axis: the counterpart of the importer for models of our own.
 */
import { create, toBinary } from '@bufbuild/protobuf';
import type { Attributes } from './attribute.ts';
import type { ForwardParameter } from './forward-graph.ts';
import type { ForwardOperator } from './forward-operators.ts';
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
import { DATA_TYPES, encodeAttribute, encodeTensor, IR_VERSION, OPSET_VERSION } from './onnx-encode.ts';
import type { Shape } from './tensor-type.ts';

/** A model in names: nodes read the input, parameters and what nodes before them gave. */
export interface ForwardDescription {
  readonly name: string;
  /** `shape` is that of one example; float32 unless said. */
  readonly input: {
    readonly name: string;
    readonly shape: Shape;
    readonly dtype?: 'float32' | 'int32' | 'int64';
  };
  readonly parameters: readonly ForwardParameter[];
  /** Lists of integers, such as axes and shapes, by name. */
  readonly constants?: Readonly<Record<string, readonly number[]>>;
  readonly nodes: readonly {
    readonly op: ForwardOperator;
    readonly inputs: readonly string[];
    readonly output: string;
    readonly attributes?: Attributes;
  }[];
  readonly output: { readonly name: string; readonly shape: Shape };
}

/** The serialised ModelProto; equal descriptions give equal bytes. */
export function writeForward(description: ForwardDescription): Uint8Array {
  const { name, input, parameters, constants = {}, nodes, output } = description;
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
    initializer: [
      ...parameters.map(({ name: parameter, shape, data }) =>
        encodeTensor(parameter, { dtype: 'float32', shape, data }),
      ),
      ...Object.entries(constants).map(([constant, values]) => {
        const data = BigInt64Array.from(values, BigInt);
        return encodeTensor(constant, { dtype: 'int64', shape: [values.length], data });
      }),
    ],
    input: [batchInfo(input.name, input.shape, DATA_TYPES[input.dtype ?? 'float32'])],
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

function batchInfo(name: string, example: Shape, elemType: number = DataType.FLOAT): ValueInfoProto {
  const batch = create(TensorShapeProto_DimensionSchema, { value: { case: 'dimParam', value: 'batch' } });
  const lengths = example.map((length) =>
    create(TensorShapeProto_DimensionSchema, { value: { case: 'dimValue', value: BigInt(length) } }),
  );
  const shape = create(TensorShapeProtoSchema, { dim: [batch, ...lengths] });
  const type = create(TypeProtoSchema, {
    value: { case: 'tensorType', value: { elemType, shape } },
  });
  return create(ValueInfoProtoSchema, { name, type });
}
