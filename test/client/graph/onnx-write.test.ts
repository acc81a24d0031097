import { create, fromBinary, toBinary } from '@bufbuild/protobuf';
import { BinaryWriter, WireType } from '@bufbuild/protobuf/wire';
import fc from 'fast-check';
import { expect, it } from 'vitest';
import {
  AttributeProtoSchema,
  AttributeProto_AttributeType as AttributeType,
  TensorProto_DataType as DataType,
  GraphProtoSchema,
  type ModelProto,
  ModelProtoSchema,
  NodeProtoSchema,
  OperatorSetIdProtoSchema,
  TensorProtoSchema,
} from '../../../client/graph/gen/onnx_pb.ts';
import { mlpBytes } from '../../../client/graph/models/mlp.ts';
import { writeModel } from '../../../client/graph/onnx-write.ts';
import { bytesOf, floats, RELU } from './model-sketch.ts';
import { numbers } from './random-arrays.ts';

const int64 = fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n });
const text = fc.string({ unit: 'binary', maxLength: 40 });
/** Around the size from which on a field is put aside. */
const bytes = fc.nat(1100).map((length) => new Uint8Array(length).fill(length));

const tensor = fc
  .record({
    dims: fc.array(int64, { maxLength: 3 }),
    name: text,
    rawData: bytes,
    floatData: fc.array(bytes, { maxLength: 3 }),
    int32Data: fc.array(fc.integer({ min: -(2 ** 31), max: 2 ** 31 - 1 }), { maxLength: 3 }),
    int64Data: fc.array(int64, { maxLength: 300 }),
  })
  .map((fields) => create(TensorProtoSchema, { ...fields, dataType: DataType.FLOAT }));

const attribute = fc
  .record({
    name: text,
    f: fc.float({ noNaN: true }),
    i: int64,
    s: bytes,
    floats: fc.array(fc.float({ noNaN: true }), { maxLength: 4 }),
    ints: fc.array(int64, { maxLength: 4 }),
    strings: fc.array(bytes, { maxLength: 2 }),
    t: tensor,
  })
  .map((fields) => create(AttributeProtoSchema, { ...fields, type: AttributeType.TENSOR }));

const model: fc.Arbitrary<ModelProto> = fc
  .record({
    initializer: fc.array(tensor, { maxLength: 3 }),
    attributes: fc.array(attribute, { maxLength: 2 }),
    names: fc.array(text, { maxLength: 3 }),
    version: int64,
  })
  .map(({ initializer, attributes, names, version }) =>
    create(ModelProtoSchema, {
      irVersion: version,
      docString: names.join(),
      opsetImport: [create(OperatorSetIdProtoSchema, { version })],
      graph: create(GraphProtoSchema, {
        initializer,
        node: [create(NodeProtoSchema, { input: names, attribute: attributes })],
      }),
    }),
  );

it('writes what toBinary writes', () => {
  fc.assert(
    fc.property(model, (message) => {
      expect(Buffer.compare(writeModel(message), toBinary(ModelProtoSchema, message))).toBe(0);
    }),
    { numRuns: 200 },
  );
  expect(writeModel(create(ModelProtoSchema))).toEqual(new Uint8Array());
});

it('writes unknown fields of every wire type, at every depth', () => {
  const unknown = new BinaryWriter();
  unknown.tag(100, WireType.Varint).int64(-1n);
  unknown.tag(101, WireType.Bit32).float(1);
  unknown.tag(102, WireType.Bit64).double(2);
  unknown.tag(103, WireType.LengthDelimited).bytes(new Uint8Array(2000));
  const rest = unknown.finish();
  const [graph, node] = [7, 1];
  const inner = new BinaryWriter().tag(node, WireType.LengthDelimited).bytes(rest).raw(rest).finish();
  const outer = new BinaryWriter().tag(graph, WireType.LengthDelimited).bytes(inner).raw(rest).finish();
  const message = fromBinary(ModelProtoSchema, outer);
  expect(message.graph?.node[0]?.$unknown).toHaveLength(4);
  expect(writeModel(message)).toEqual(outer);
});

it.each([
  ['a model of ours', mlpBytes([40, 30, 20], numbers(1))],
  [
    'a model with tensors of all sizes',
    bytesOf({ ...RELU, initializers: [floats('a', [1], 1), floats('b', [500], ...Array(500).fill(1))] }),
  ],
])('%s comes back as it was', (_, original) => {
  expect(writeModel(fromBinary(ModelProtoSchema, original))).toEqual(original);
});
