// covers: client/graph/import/model-tensors.ts, client/graph/onnx-decode.ts
import { create } from '@bufbuild/protobuf';
import { describe, expect, it } from 'vitest';
import {
  type AttributeProto,
  AttributeProtoSchema,
  AttributeProto_AttributeType as AttributeType,
  TensorProto_DataType as DataType,
  type TensorProto,
  TensorProtoSchema,
} from '../../../../client/graph/gen/onnx_pb.ts';
import { importModel } from '../../../../client/graph/import-model.ts';
import {
  bytesOf,
  constantNode,
  floatAttribute,
  floats,
  intAttribute,
  intsAttribute,
  problemOf,
  RELU,
  type Sketch,
} from '../model-sketch.ts';

type TensorFields = Partial<
  Pick<TensorProto, 'rawData' | 'floatData' | 'doubleData' | 'int32Data' | 'int64Data'>
>;

function tensor(dataType: number, dims: number[], fields: TensorFields): TensorProto {
  return create(TensorProtoSchema, { name: 't', dims: dims.map(BigInt), dataType, ...fields });
}

function problemWith(...initializers: TensorProto[]) {
  return problemOf(bytesOf({ ...RELU, initializers }));
}

const raw = (data: Float64Array | Int32Array | BigInt64Array) => new Uint8Array(data.buffer);

describe('tensors that are constants', () => {
  it.each<[string, TensorProto, unknown]>([
    ['int32, raw', tensor(DataType.INT32, [2], { rawData: raw(Int32Array.of(-1, 2)) }), Int32Array.of(-1, 2)],
    ['int32, listed', tensor(DataType.INT32, [2], { int32Data: [-1, 2] }), Int32Array.of(-1, 2)],
    [
      'int64, raw',
      tensor(DataType.INT64, [1], { rawData: raw(BigInt64Array.of(-5n)) }),
      BigInt64Array.of(-5n),
    ],
    ['int64, listed', tensor(DataType.INT64, [], { int64Data: [-5n] }), BigInt64Array.of(-5n)],
    ['bool, raw', tensor(DataType.BOOL, [3], { rawData: Uint8Array.of(0, 1, 7) }), Uint8Array.of(0, 1, 1)],
    ['bool, listed', tensor(DataType.BOOL, [2], { int32Data: [1, 0] }), Uint8Array.of(1, 0)],
    [
      'float64, raw',
      tensor(DataType.DOUBLE, [2], { rawData: raw(Float64Array.of(0.1, 1e300)) }),
      Float32Array.of(0.1, Number.POSITIVE_INFINITY),
    ],
    [
      'float64, packed',
      tensor(DataType.DOUBLE, [], { doubleData: [raw(Float64Array.of(0.1))] }),
      Float32Array.of(0.1),
    ],
    ['float32 without elements', tensor(DataType.FLOAT, [0], {}), new Float32Array()],
  ])('%s', (_, initializer, data) => {
    const forward = importModel(bytesOf({ ...RELU, initializers: [initializer] }));
    expect(forward.constants.get('t')?.data).toEqual(data);
    expect(forward.parameters).toEqual([]);
  });
});

describe('tensors that are refused', () => {
  it.each([
    [2, 'uint8'],
    [3, 'int8'],
    [8, 'string'],
    [10, 'float16'],
    [16, 'bfloat16'],
    [21, 'number 21'],
    [0, 'none'],
  ])('of element type %i, by the name %s', (dataType, name) => {
    const reason = problemWith(tensor(dataType, [1], { rawData: new Uint8Array(2) }))?.detail.reason;
    expect(reason).toMatch(`tensor t is ${name}; convert the model to float32`);
  });

  it.each<[string, TensorProto, RegExp]>([
    ['no elements', tensor(DataType.FLOAT, [2], {}), /0 elements for shape \[2\]/],
    ['too few', tensor(DataType.FLOAT, [3], { rawData: new Uint8Array(8) }), /2 elements for shape \[3\]/],
    ['too many', tensor(DataType.FLOAT, [1], { rawData: new Uint8Array(8) }), /2 elements for shape \[1\]/],
    [
      'half an element',
      tensor(DataType.FLOAT, [1], { rawData: new Uint8Array(6) }),
      /1.5 elements for shape \[1\]/,
    ],
    ['listed, too few', tensor(DataType.INT64, [2], { int64Data: [1n] }), /1 elements for shape \[2\]/],
    [
      'two fields',
      tensor(DataType.FLOAT, [1], { rawData: new Uint8Array(4), floatData: [new Uint8Array(4)] }),
      /several fields/,
    ],
    [
      'a field in two pieces',
      tensor(DataType.FLOAT, [2], { floatData: [new Uint8Array(4), new Uint8Array(4)] }),
      /several fields/,
    ],
    [
      'the field of another type',
      tensor(DataType.FLOAT, [1], { int32Data: [1] }),
      /0 elements for shape \[1\]/,
    ],
    ['a negative axis', tensor(DataType.FLOAT, [-1], { rawData: new Uint8Array(4) }), /negative axis length/],
    [
      'an axis that no number holds',
      create(TensorProtoSchema, { name: 't', dims: [2n ** 62n], dataType: DataType.FLOAT }),
      /out of range/,
    ],
    [
      'a number that is none',
      tensor(DataType.DOUBLE, [1], { rawData: raw(Float64Array.of(Number.NaN)) }),
      /NaN/,
    ],
    ['no name', { ...floats('', [1], 1) }, /name "" is empty or repeats/],
  ])('with %s', (_, initializer, reason) => {
    const problem = problemWith(initializer);
    expect(problem).toMatchObject({ code: 'graphMalformed' });
    expect(problem?.detail.reason).toMatch(reason);
  });

  it('with a name twice', () => {
    expect(problemWith(floats('a', [1], 1), floats('b', [1], 1))).toBeUndefined();
    expect(problemWith(floats('a', [1], 1), floats('a', [1], 1))?.detail.reason).toMatch(
      /"a" is empty or repeats/,
    );
  });

  it.each<[string, number[], string]>([
    ['10 GB by declaration', [50_000, 50_000], 'elements'],
    ['lengths whose product overflows', [2 ** 31, 2 ** 31, 2 ** 31], 'elements'],
    ['lengths whose product is beyond all numbers', Array(8).fill(2 ** 52), 'elements'],
    ['more axes than there are', Array(9).fill(1), 'rank'],
  ])('with %s', (_, dims, what) => {
    expect(problemWith(tensor(DataType.FLOAT, dims, {}))).toMatchObject({
      code: 'graphTooLarge',
      detail: { what },
    });
  });

  it('with more elements than there may be, initialisers and Constant nodes together', () => {
    const sketch: Sketch = {
      initializers: [floats('a', [3], 1, 2, 3)],
      nodes: [
        constantNode('b', { dtype: 'float32', shape: [3], data: Float32Array.of(1, 2, 3) }),
        { op: 'Add', inputs: ['in', 'a'], output: 'c' },
        { op: 'Add', inputs: ['c', 'b'], output: 'out' },
      ],
    };
    expect(problemOf(bytesOf(sketch), { limits: { parameters: 6 } })).toBeUndefined();
    expect(problemOf(bytesOf(sketch), { limits: { parameters: 5 } })?.detail).toMatchObject({
      what: 'parameters',
      got: 6,
    });
  });
});

describe('Constant nodes', () => {
  const reasonWith = (...attributes: AttributeProto[]) => {
    const nodes = [
      { op: 'Constant', inputs: [], output: 'c', attributes },
      { op: 'Mul', inputs: ['in', 'c'], output: 'out' },
    ];
    return problemOf(bytesOf({ nodes }))?.detail.reason;
  };

  it('have one value, of a kind that its name says', () => {
    const reason = 'node c: a Constant has one value, a tensor or numbers';
    expect(reasonWith(floatAttribute('value_float', 2))).toBeUndefined();
    expect(reasonWith()).toBe(reason);
    expect(reasonWith(floatAttribute('value', 2))).toBe(reason);
    expect(reasonWith(floatAttribute('value_float', 2), intAttribute('value_int', 2))).toBe(reason);
    expect(
      reasonWith(create(AttributeProtoSchema, { name: 'value_string', type: AttributeType.STRING })),
    ).toBe(reason);
  });
});

describe('attributes', () => {
  const problemWithAttributes = (...attributes: AttributeProto[]) =>
    problemOf(bytesOf({ nodes: [{ op: 'Flatten', inputs: ['in'], output: 'out', attributes }] }));

  it('have one name each', () => {
    expect(problemWithAttributes(intAttribute('axis', 1))).toBeUndefined();
    expect(problemWithAttributes(intAttribute('axis', 1), intAttribute('axis', 1))?.detail.reason).toMatch(
      /axis repeats/,
    );
  });

  it('are no longer than need be', () => {
    const list = (count: number) => intsAttribute('unused', ...Array<number>(count).fill(1));
    expect(problemWithAttributes(list(65_536))).toBeUndefined();
    expect(problemWithAttributes(list(65_537))).toMatchObject({
      code: 'graphTooLarge',
      detail: { what: 'attribute' },
    });
    const text = create(AttributeProtoSchema, {
      name: 'unused',
      type: AttributeType.STRING,
      s: new Uint8Array(65_537),
    });
    expect(problemWithAttributes(text)?.detail).toMatchObject({ what: 'attribute' });
  });

  it.each([
    [AttributeType.GRAPH, 'a graph'],
    [AttributeType.STRINGS, 'strings'],
    [10 as AttributeType, 'graphs'],
    [13 as AttributeType, 'a type'],
    [0 as AttributeType, 'no type'],
    [99 as AttributeType, 'of type 99'],
  ])('of type %i are refused, as %s', (type, name) => {
    const attribute = create(AttributeProtoSchema, { name: 'x', type });
    expect(problemWithAttributes(attribute)?.detail.reason).toBe(`node out, attribute x is ${name}`);
  });

  it('that refer to the arguments of a function are refused', () => {
    const attribute = intAttribute('axis', 1);
    const [referenceField, lengthDelimited] = [21, 2];
    attribute.$unknown = [{ no: referenceField, wireType: lengthDelimited, data: Uint8Array.of(1, 0x61) }];
    expect(problemWithAttributes(attribute)?.detail.reason).toMatch(/refers to an argument of a function/);
  });
});
