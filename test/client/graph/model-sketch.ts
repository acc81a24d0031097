/**
 * Small ONNX models for tests of the importer, written message by message: also such as no exporter would write.
 */
import { create, toBinary } from '@bufbuild/protobuf';
import {
  type AttributeProto,
  AttributeProtoSchema,
  AttributeProto_AttributeType as AttributeType,
  TensorProto_DataType as DataType,
  GraphProtoSchema,
  type ModelProto,
  ModelProtoSchema,
  NodeProtoSchema,
  OperatorSetIdProtoSchema,
  type TensorProto,
  TensorShapeProto_DimensionSchema,
  TensorShapeProtoSchema,
  TypeProtoSchema,
  ValueInfoProtoSchema,
} from '../../../client/graph/gen/onnx_pb.ts';
import { type ImportOptions, importModel } from '../../../client/graph/import-model.ts';
import { encodeAttribute, encodeTensor } from '../../../client/graph/onnx-encode.ts';
import type { Constant } from '../../../client/graph/tensor-type.ts';
import { HanseError, type ProblemCode } from '../../../protocol/problem.ts';

/** A number, the name of a free axis, or an axis about which nothing is said. */
export type Axis = number | string | undefined;

export interface SketchNode {
  readonly op: string;
  readonly inputs: readonly string[];
  /** One name, or several. */
  readonly output: string | readonly string[];
  readonly domain?: string;
  readonly attributes?: readonly AttributeProto[];
}

/** A model with the input `in`, [N, 2, 3] of float32, and the output `out`, unless it says otherwise. */
export interface Sketch {
  readonly input?: readonly Axis[];
  readonly inputType?: number;
  /** Of inputs beside `in`. */
  readonly moreInputs?: readonly string[];
  readonly opset?: number;
  readonly initializers?: readonly TensorProto[];
  readonly nodes?: readonly SketchNode[];
  readonly outputs?: readonly string[];
}

function info(name: string, axes: readonly Axis[], elemType: number) {
  const dim = axes.map((axis) => {
    const value =
      typeof axis === 'number'
        ? ({ case: 'dimValue', value: BigInt(axis) } as const)
        : ({ case: 'dimParam', value: axis ?? '' } as const);
    return create(TensorShapeProto_DimensionSchema, axis === undefined ? {} : { value });
  });
  const shape = create(TensorShapeProtoSchema, { dim });
  const type = create(TypeProtoSchema, { value: { case: 'tensorType', value: { elemType, shape } } });
  return create(ValueInfoProtoSchema, { name, type });
}

export function messageOf(sketch: Sketch): ModelProto {
  const { input = ['N', 2, 3], inputType = DataType.FLOAT, opset = 17, moreInputs = [] } = sketch;
  return create(ModelProtoSchema, {
    irVersion: 8n,
    opsetImport: [create(OperatorSetIdProtoSchema, { version: BigInt(opset) })],
    graph: create(GraphProtoSchema, {
      input: [info('in', input, inputType), ...moreInputs.map((name) => info(name, ['N'], DataType.FLOAT))],
      initializer: [...(sketch.initializers ?? [])],
      node: (sketch.nodes ?? []).map(({ op, inputs, output, domain = '', attributes = [] }) =>
        create(NodeProtoSchema, {
          opType: op,
          input: [...inputs],
          output: [output].flat(),
          domain,
          attribute: [...attributes],
        }),
      ),
      output: (sketch.outputs ?? ['out']).map((name) => create(ValueInfoProtoSchema, { name })),
    }),
  });
}

export function bytesOf(sketch: Sketch): Uint8Array {
  return toBinary(ModelProtoSchema, messageOf(sketch));
}

export function floats(name: string, shape: readonly number[], ...data: number[]): TensorProto {
  return encodeTensor(name, { dtype: 'float32', shape, data: Float32Array.from(data) });
}

export function integers(name: string, ...data: number[]): TensorProto {
  return encodeTensor(name, { dtype: 'int64', shape: [data.length], data: BigInt64Array.from(data, BigInt) });
}

export function intsAttribute(name: string, ...values: number[]): AttributeProto {
  return create(AttributeProtoSchema, { name, type: AttributeType.INTS, ints: values.map(BigInt) });
}

export function intAttribute(name: string, value: number): AttributeProto {
  return create(AttributeProtoSchema, { name, type: AttributeType.INT, i: BigInt(value) });
}

export function floatAttribute(name: string, value: number): AttributeProto {
  return create(AttributeProtoSchema, { name, type: AttributeType.FLOAT, f: value });
}

function tensorAttribute(name: string, value: Constant): AttributeProto {
  return encodeAttribute(name, { kind: 'tensor', value });
}

/** A Constant node with this tensor. */
export function constantNode(output: string, value: Constant): SketchNode {
  return { op: 'Constant', inputs: [], output, attributes: [tensorAttribute('value', value)] };
}

export interface Refusal {
  readonly code: ProblemCode;
  readonly detail: Readonly<Record<string, unknown>>;
}

/** Why a model is refused; undefined where it is not. Rethrows what is no HanseError. */
export function problemOf(bytes: Uint8Array, options: ImportOptions = {}): Refusal | undefined {
  try {
    importModel(bytes, options);
    return undefined;
  } catch (error) {
    if (error instanceof HanseError)
      return { code: error.code, detail: error.detail as Readonly<Record<string, unknown>> };
    throw error;
  }
}

/** A model that nothing is wrong with. */
export const RELU: Sketch = { nodes: [{ op: 'Relu', inputs: ['in'], output: 'out' }] };
