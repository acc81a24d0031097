/**
 * From the graph to the bytes of an ONNX model: IR version 10, opset 20.
 *
 * Deterministic, because jobs pin the hash of what a participant compiles (SPEC.md section 6.1): names are counters in
 * the order of the nodes, fields follow the order of the graph, and nothing of the machine or the moment enters.
 */
import { create } from '@bufbuild/protobuf';
import type { Attribute } from './attribute.ts';
import {
  type AttributeProto,
  AttributeProtoSchema,
  AttributeProto_AttributeType as AttributeType,
  TensorProto_DataType as DataType,
  type GraphProto,
  GraphProtoSchema,
  ModelProtoSchema,
  type NodeProto,
  NodeProtoSchema,
  OperatorSetIdProtoSchema,
  type TensorProto,
  TensorProtoSchema,
  TensorShapeProto_DimensionSchema,
  TensorShapeProtoSchema,
  TypeProtoSchema,
  type ValueInfoProto,
  ValueInfoProtoSchema,
} from './gen/onnx_pb.ts';
import type { Graph, Node, Port, Value } from './graph.ts';
import { writeModel } from './onnx-write.ts';
import { bytesOf } from './tensor-bytes.ts';
import type { Constant } from './tensor-type.ts';

export const IR_VERSION = 10;
export const OPSET_VERSION = 20;

/** Element types as numbered by TensorProto.DataType. */
export const DATA_TYPES = {
  float32: DataType.FLOAT,
  int32: DataType.INT32,
  int64: DataType.INT64,
  bool: DataType.BOOL,
} as const;

/** The serialised ModelProto of a graph. */
export function encodeModel(graph: Graph): Uint8Array {
  const model = create(ModelProtoSchema, {
    irVersion: BigInt(IR_VERSION),
    producerName: 'hanse',
    opsetImport: [create(OperatorSetIdProtoSchema, { domain: '', version: BigInt(OPSET_VERSION) })],
    graph: encodeGraph(graph, new Names(graph)),
  });
  return writeModel(model);
}

/** A tensor with its elements as little-endian raw data, which shares their memory. */
export function encodeTensor(name: string, constant: Constant): TensorProto {
  const dims = constant.shape.map(BigInt);
  return create(TensorProtoSchema, {
    name,
    dims,
    dataType: DATA_TYPES[constant.dtype],
    rawData: bytesOf(constant),
  });
}

/** Names of values: those of ports as given, all others a counter that avoids every port of the model. */
class Names {
  readonly #names = new Map<Value, string>();
  readonly #taken = new Set<string>();
  #count = 0;

  constructor(graph: Graph) {
    this.#declarePorts(graph);
  }

  of(value: Value, stem: string): string {
    const known = this.#names.get(value);
    if (known !== undefined) return known;
    const name = this.unused(stem);
    this.#names.set(value, name);
    return name;
  }

  unused(stem: string): string {
    for (;;) {
      const name = `${stem}_${this.#count}`;
      this.#count += 1;
      if (!this.#taken.has(name)) return name;
    }
  }

  /** Subgraphs see the names around them, so all ports share one space; an inner port that clashes is renamed. */
  #declarePorts(graph: Graph): void {
    for (const port of [...graph.inputs, ...graph.outputs]) {
      let { name } = port;
      while (this.#taken.has(name)) name += '_';
      this.#taken.add(name);
      this.#names.set(port.value, name);
    }
    for (const node of graph.nodes) if (node.op === 'Scan') this.#declarePorts(node.body);
  }
}

function encodeGraph(graph: Graph, names: Names): GraphProto {
  const initializer = [...graph.constants].map(([value, constant]) =>
    encodeTensor(names.of(value, 'constant'), constant),
  );
  return create(GraphProtoSchema, {
    name: graph.name,
    initializer,
    node: graph.nodes.map((node) => encodeNode(node, names)),
    input: graph.inputs.map((port) => encodePort(port, names)),
    output: graph.outputs.map((port) => encodePort(port, names)),
  });
}

function encodeNode(node: Node, names: Names): NodeProto {
  const input = node.inputs.map((value) => (value ? names.of(value, 'value') : ''));
  const output = node.outputs.map((value) => names.of(value, node.op));
  return create(NodeProtoSchema, {
    name: `${node.op}:${output[0]}`,
    opType: node.op,
    input,
    output,
    attribute: encodeAttributes(node, names),
  });
}

function encodeAttributes(node: Node, names: Names): AttributeProto[] {
  const encoded = Object.entries(node.attributes).map(([name, attribute]) =>
    encodeAttribute(name, attribute),
  );
  if (node.op === 'Scan') {
    const g = encodeGraph(node.body, names);
    encoded.push(create(AttributeProtoSchema, { name: 'body', type: AttributeType.GRAPH, g }));
  }
  return encoded;
}

export function encodeAttribute(name: string, attribute: Attribute): AttributeProto {
  return create(AttributeProtoSchema, { name, ...attributeFields(attribute) });
}

function attributeFields(attribute: Attribute) {
  switch (attribute.kind) {
    case 'int':
      return { type: AttributeType.INT, i: BigInt(attribute.value) };
    case 'float':
      return { type: AttributeType.FLOAT, f: attribute.value };
    case 'string':
      return { type: AttributeType.STRING, s: new TextEncoder().encode(attribute.value) };
    case 'ints':
      return { type: AttributeType.INTS, ints: attribute.value.map(BigInt) };
    case 'floats':
      return { type: AttributeType.FLOATS, floats: [...attribute.value] };
    case 'tensor':
      return { type: AttributeType.TENSOR, t: encodeTensor('', attribute.value) };
    default:
      attribute satisfies never;
      throw new Error('unreachable');
  }
}

function encodePort(port: Port, names: Names): ValueInfoProto {
  const lengths = port.value.shape.map((length) =>
    create(TensorShapeProto_DimensionSchema, { value: { case: 'dimValue', value: BigInt(length) } }),
  );
  if (port.leadingAxis !== undefined)
    lengths.unshift(
      create(TensorShapeProto_DimensionSchema, { value: { case: 'dimParam', value: port.leadingAxis } }),
    );
  const shape = create(TensorShapeProtoSchema, { dim: lengths });
  return create(ValueInfoProtoSchema, {
    name: names.of(port.value, 'port'),
    type: create(TypeProtoSchema, {
      value: { case: 'tensorType', value: { elemType: DATA_TYPES[port.value.dtype], shape } },
    }),
  });
}
