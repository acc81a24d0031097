/**
 * Writes a forward model as ONNX with a free batch axis: the counterpart of the importer for models of our own. Any
 * operator that can be read can be written.
 */
import { create } from '@bufbuild/protobuf';
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
import { writeModel } from './onnx-write.ts';
import type { Shape } from './tensor-type.ts';

/** A model in names: nodes read the input, parameters and what nodes before them gave. */
export interface ForwardDescription {
  readonly name: string;
  /** The version of the operator specifications that it follows; that of compiled graphs where it is left out. */
  readonly opset?: number;
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
    /** Empty where an optional input is left out. */
    readonly inputs: readonly string[];
    /** A list where there are several. */
    readonly output: string | readonly string[];
    readonly attributes?: Attributes;
  }[];
  /** `shape` is that of one example; what is left out is for the reader to infer. */
  readonly output: { readonly name: string; readonly shape?: Shape };
  readonly otherOutputs?: readonly string[];
}

/** The serialised ModelProto; equal descriptions give equal bytes. */
export function writeForward(description: ForwardDescription): Uint8Array {
  const { name, input, parameters, constants = {}, nodes, output } = description;
  const graph = create(GraphProtoSchema, {
    name,
    node: nodes.map((node) => {
      const outputs = typeof node.output === 'string' ? [node.output] : [...node.output];
      return create(NodeProtoSchema, {
        name: `${node.op}:${outputs[0]}`,
        opType: node.op,
        input: [...node.inputs],
        output: outputs,
        attribute: Object.entries(node.attributes ?? {}).map(([key, value]) => encodeAttribute(key, value)),
      });
    }),
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
    output: [
      output.shape
        ? batchInfo(output.name, output.shape)
        : create(ValueInfoProtoSchema, { name: output.name }),
      ...(description.otherOutputs ?? []).map((other) => create(ValueInfoProtoSchema, { name: other })),
    ],
  });
  const model = create(ModelProtoSchema, {
    irVersion: BigInt(IR_VERSION),
    producerName: 'hanse',
    opsetImport: [
      create(OperatorSetIdProtoSchema, { domain: '', version: BigInt(description.opset ?? OPSET_VERSION) }),
    ],
    graph,
  });
  return writeModel(model);
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
