// covers: client/graph/import-model.ts, client/graph/onnx-decode.ts, client/graph/forward-graph.ts, client/graph/lowering/known.ts, client/graph/forward-operators.ts, client/graph/limits.ts
import { create, toBinary } from '@bufbuild/protobuf';
import { BinaryWriter, WireType } from '@bufbuild/protobuf/wire';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { compilePrediction } from '../../../client/graph/compile-prediction.ts';
import {
  type AttributeProto,
  AttributeProtoSchema,
  AttributeProto_AttributeType as AttributeType,
  TensorProto_DataLocation as DataLocation,
  TensorProto_DataType as DataType,
  GraphProtoSchema,
  type ModelProto,
  ModelProtoSchema,
  NodeProtoSchema,
  OperatorSetIdProtoSchema,
  type TensorProto,
  TensorProtoSchema,
  TensorShapeProto_DimensionSchema,
  TensorShapeProtoSchema,
  TypeProtoSchema,
  ValueInfoProtoSchema,
} from '../../../client/graph/gen/onnx_pb.ts';
import { importModel } from '../../../client/graph/import-model.ts';
import type { GraphLimits } from '../../../client/graph/limits.ts';
import { mlpBytes } from '../../../client/graph/models/mlp.ts';
import { encodeTensor } from '../../../client/graph/onnx-encode.ts';
import { initialParameters } from '../../../client/graph/parameters.ts';
import { HanseError, type ProblemCode } from '../../../protocol/problem.ts';
import { hasRuntime, load32 } from './onnx-runtime.ts';
import { numbers } from './random-arrays.ts';

type Axis = number | string;

interface Sketch {
  input?: Axis[];
  inputType?: number;
  opset?: number;
  initializers?: TensorProto[];
  nodes?: { op: string; inputs: string[]; output: string; domain?: string; attributes?: AttributeProto[] }[];
  outputs?: string[];
}

function info(name: string, axes: Axis[], elemType: number) {
  const dim = axes.map((axis) =>
    create(TensorShapeProto_DimensionSchema, {
      value:
        typeof axis === 'number'
          ? { case: 'dimValue', value: BigInt(axis) }
          : { case: 'dimParam', value: axis },
    }),
  );
  const shape = create(TensorShapeProtoSchema, { dim });
  const type = create(TypeProtoSchema, { value: { case: 'tensorType', value: { elemType, shape } } });
  return create(ValueInfoProtoSchema, { name, type });
}

function message(sketch: Sketch): ModelProto {
  const {
    input = ['N', 2, 3],
    inputType = DataType.FLOAT,
    opset = 17,
    initializers = [],
    nodes = [],
  } = sketch;
  return create(ModelProtoSchema, {
    irVersion: 8n,
    opsetImport: [create(OperatorSetIdProtoSchema, { version: BigInt(opset) })],
    graph: create(GraphProtoSchema, {
      input: [info('in', input, inputType)],
      initializer: initializers,
      node: nodes.map(({ op, inputs, output, domain = '', attributes = [] }) =>
        create(NodeProtoSchema, {
          opType: op,
          input: inputs,
          output: [output],
          domain,
          attribute: attributes,
        }),
      ),
      output: (sketch.outputs ?? ['out']).map((name) => create(ValueInfoProtoSchema, { name })),
    }),
  });
}

function bytesOf(sketch: Sketch): Uint8Array {
  return toBinary(ModelProtoSchema, message(sketch));
}

function floats(name: string, shape: number[], ...data: number[]): TensorProto {
  return encodeTensor(name, { dtype: 'float32', shape, data: Float32Array.from(data) });
}

function integers(name: string, ...data: number[]): TensorProto {
  return encodeTensor(name, { dtype: 'int64', shape: [data.length], data: BigInt64Array.from(data, BigInt) });
}

function intsAttribute(name: string, ...values: number[]): AttributeProto {
  return create(AttributeProtoSchema, { name, type: AttributeType.INTS, ints: values.map(BigInt) });
}

function intAttribute(name: string, value: number): AttributeProto {
  return create(AttributeProtoSchema, { name, type: AttributeType.INT, i: BigInt(value) });
}

function problemOf(bytes: Uint8Array, limits: Partial<GraphLimits> = {}): HanseError | undefined {
  try {
    importModel(bytes, { limits });
    return undefined;
  } catch (error) {
    if (error instanceof HanseError) return error;
    throw error;
  }
}

const RELU: Sketch = { nodes: [{ op: 'Relu', inputs: ['in'], output: 'out' }] };

/** What PyTorch writes for `x.view(x.size(0), -1)`. */
const VIEW: Sketch = {
  initializers: [encodeTensor('zero', { dtype: 'int64', shape: [], data: BigInt64Array.of(0n) })],
  nodes: [
    { op: 'Shape', inputs: ['in'], output: 'shape' },
    { op: 'Gather', inputs: ['shape', 'zero'], output: 'size', attributes: [intAttribute('axis', 0)] },
    { op: 'Unsqueeze', inputs: ['size', 'axes'], output: 'size1' },
    { op: 'Concat', inputs: ['size1', 'rest'], output: 'target', attributes: [intAttribute('axis', 0)] },
    { op: 'Reshape', inputs: ['in', 'target'], output: 'out' },
  ],
};
VIEW.initializers?.push(integers('axes', 0), integers('rest', -1));

describe('what is read', () => {
  it('float initialisers are parameters, whichever field holds them; others are constants', () => {
    const listed = create(TensorProtoSchema, {
      name: 'b',
      dims: [3n],
      dataType: DataType.FLOAT,
      floatData: [4, 5, 6],
    });
    const forward = importModel(
      bytesOf({
        initializers: [floats('a', [3], 1, 2, 3), integers('axes', 1), listed],
        nodes: [
          { op: 'Mul', inputs: ['in', 'a'], output: 'scaled' },
          { op: 'Add', inputs: ['scaled', 'b'], output: 'out' },
        ],
      }),
    );
    expect(initialParameters(forward)).toEqual(Float32Array.of(1, 2, 3, 4, 5, 6));
    expect([...forward.constants.keys()]).toEqual(['axes']);
    expect(forward.input).toEqual({ name: 'in', batch: undefined, example: [2, 3] });
  });

  it('shape arithmetic disappears once the batch size is known', () => {
    const { bytes, outputs } = compilePrediction(importModel(bytesOf(VIEW)), { batchSize: 5 });
    expect(outputs).toEqual([{ name: 'out', type: 'float32', shape: [5, 6] }]);
    const text = Buffer.from(bytes).toString('latin1');
    expect(text).toContain('Reshape');
    for (const folded of ['Shape', 'Gather', 'Concat', 'Unsqueeze']) expect(text).not.toContain(folded);
  });

  it('axes as an attribute, as written before they became an input', () => {
    const reduce = (opset: number) =>
      importModel(
        bytesOf({
          opset,
          nodes: [
            {
              op: 'ReduceMean',
              inputs: ['in'],
              output: 'out',
              attributes: [intsAttribute('axes', -1), intAttribute('keepdims', 0)],
            },
          ],
        }),
      );
    expect(compilePrediction(reduce(13), { batchSize: 4 }).outputs[0]?.shape).toEqual([4, 2]);
  });

  it('a fixed batch axis, at that size only', () => {
    const forward = importModel(bytesOf({ ...RELU, input: [4, 2] }));
    expect(compilePrediction(forward, { batchSize: 4 }).outputs[0]?.shape).toEqual([4, 2]);
    expect(() => compilePrediction(forward, { batchSize: 5 })).toThrow(/fixed at 4/);
  });

  it('bytes that lie inside a larger buffer, which may change afterwards', () => {
    const inner = bytesOf({ ...RELU, initializers: [floats('a', [1], 7)] });
    const buffer = Buffer.concat([Buffer.from('before'), inner, Buffer.from('after')]);
    const forward = importModel(buffer.subarray(6, 6 + inner.length));
    buffer.fill(0);
    expect(initialParameters(forward)).toEqual(Float32Array.of(7));
  });

  it.skipIf(!hasRuntime)('computes what the original computes', async () => {
    const bytes = bytesOf({
      opset: 13,
      initializers: [floats('w', [3, 2], 1, -2, 3, -4, 5, -6), floats('b', [2], 0.5, -0.5)],
      nodes: [
        { op: 'MatMul', inputs: ['in', 'w'], output: 'product' },
        { op: 'Add', inputs: ['b', 'product'], output: 'sum' },
        { op: 'Tanh', inputs: ['sum'], output: 'squashed' },
        {
          op: 'ReduceMean',
          inputs: ['squashed'],
          output: 'mean',
          attributes: [intsAttribute('axes', 1), intAttribute('keepdims', 0)],
        },
        { op: 'Softmax', inputs: ['mean'], output: 'out', attributes: [intAttribute('axis', 1)] },
      ],
    });
    const forward = importModel(bytes);
    const x = { shape: [2, 2, 3], data: Float64Array.from({ length: 12 }, (_, index) => index / 10 - 0.5) };
    const original = (await (await load32(bytes))(new Map([['in', x]]))).get('out');
    const feeds = new Map([['x', x]]);
    for (const { name, shape, data } of forward.parameters)
      feeds.set(name, { shape: [...shape], data: Float64Array.from(data) });
    const run = await load32(compilePrediction(forward, { batchSize: 2 }).bytes);
    const compiled = (await run(feeds)).get('out');
    expect(compiled).toEqual(original);
  });
});

describe('what is refused', () => {
  const cases: [string, ProblemCode, Sketch][] = [
    [
      'an operator outside the list',
      'operatorUnsupported',
      { nodes: [{ op: 'Loop', inputs: ['in'], output: 'out' }] },
    ],
    [
      'an operator of another domain',
      'operatorUnsupported',
      { nodes: [{ op: 'Relu', inputs: ['in'], output: 'out', domain: 'evil' }] },
    ],
    [
      'the shape of what is not there to be known',
      'operatorUnsupported',
      { nodes: [{ op: 'Range', inputs: ['in', 'in', 'in'], output: 'out' }] },
    ],
    ['an old opset', 'graphMalformed', { ...RELU, opset: 6 }],
    ['a future opset', 'graphMalformed', { ...RELU, opset: 99 }],
    ['an integer input', 'graphMalformed', { ...RELU, inputType: DataType.INT64 }],
    ['a free axis other than the first', 'graphMalformed', { ...RELU, input: ['N', 'M'] }],
    ['no batch axis', 'graphMalformed', { ...RELU, input: [] }],
    [
      'a value used before it is defined',
      'graphMalformed',
      { nodes: [{ op: 'Relu', inputs: ['later'], output: 'out' }] },
    ],
    ['a cycle', 'graphMalformed', { nodes: [{ op: 'Relu', inputs: ['out'], output: 'out' }] }],
    [
      'a name defined twice',
      'graphMalformed',
      {
        nodes: [
          { op: 'Relu', inputs: ['in'], output: 'out' },
          { op: 'Tanh', inputs: ['in'], output: 'out' },
        ],
      },
    ],
    ['an output nobody computes', 'graphMalformed', { ...RELU, outputs: ['nothing'] }],
    ['no output', 'graphMalformed', { ...RELU, outputs: [] }],
    [
      'shapes that do not match',
      'graphMalformed',
      {
        initializers: [floats('w', [2, 2], 1, 2, 3, 4)],
        nodes: [{ op: 'MatMul', inputs: ['in', 'w'], output: 'out' }],
      },
    ],
    [
      'elements that are not there',
      'graphMalformed',
      {
        ...RELU,
        initializers: [create(TensorProtoSchema, { name: 'w', dims: [9n], dataType: DataType.FLOAT })],
      },
    ],
    [
      'data in another file',
      'graphMalformed',
      {
        ...RELU,
        initializers: [
          create(TensorProtoSchema, {
            name: 'w',
            dims: [1n],
            dataType: DataType.FLOAT,
            dataLocation: DataLocation.EXTERNAL,
          }),
        ],
      },
    ],
    [
      'float16',
      'graphMalformed',
      { ...RELU, initializers: [create(TensorProtoSchema, { name: 'w', dims: [1n], dataType: 10 })] },
    ],
    [
      'Softmax over several axes, as it was before opset 13',
      'graphMalformed',
      { opset: 12, nodes: [{ op: 'Softmax', inputs: ['in'], output: 'out' }] },
    ],
    [
      'an axis length beyond all memory',
      'graphTooLarge',
      {
        ...RELU,
        initializers: [create(TensorProtoSchema, { name: 'w', dims: [1n << 40n], dataType: DataType.FLOAT })],
      },
    ],
    [
      'a computed tensor beyond all memory',
      'graphTooLarge',
      {
        initializers: [integers('shape', 1_000_000, 1_000_000, 1, 2, 3)],
        nodes: [{ op: 'Expand', inputs: ['in', 'shape'], output: 'out' }],
        input: [1, 2, 3],
      },
    ],
  ];

  it('nothing about the model that the cases below alter', () => {
    expect(problemOf(bytesOf(RELU))).toBeUndefined();
  });

  it.each(cases)('%s', (_, code, sketch) => {
    const problem = problemOf(bytesOf(sketch));
    expect(problem).toMatchObject({ code });
  });

  it('names operator, node and what is supported', () => {
    const problem = problemOf(bytesOf({ nodes: [{ op: 'Loop', inputs: ['in'], output: 'out' }] }));
    expect(problem?.detail).toMatchObject({
      operator: 'Loop',
      node: 'out',
      supported: expect.arrayContaining(['Gemm', 'Relu']),
    });
  });

  it('what exceeds a limit', () => {
    const bytes = mlpBytes([4, 3, 2], numbers(1));
    const exact = { bytes: bytes.length, nodes: 3, parameters: 23, elements: 12, rank: 2 };
    expect(problemOf(bytes, exact)).toBeUndefined();
    for (const [what, limit] of Object.entries(exact))
      expect(problemOf(bytes, { ...exact, [what]: limit - 1 })?.detail).toMatchObject({
        what,
        limit: limit - 1,
      });
  });
});

describe('a graph that is small on paper', () => {
  const copies = (count: number) => ({
    input: ['N', 1000],
    nodes: Array.from({ length: count }, (_, index) => ({
      op: 'Relu',
      inputs: [index === 0 ? 'in' : `v${index - 1}`],
      output: index === count - 1 ? 'out' : `v${index}`,
    })),
  });

  it('is refused by what its nodes compute together, at the batch size of the job', () => {
    const limits = { activations: 100_000 };
    const forward = importModel(bytesOf(copies(10)), { limits });
    const at = (batchSize: number) => () => compilePrediction(forward, { batchSize });
    expect(at(10)).not.toThrow();
    expect(at(11)).toThrow(expect.objectContaining({ code: 'graphTooLarge' }));
    expect(problemOf(bytesOf(copies(33)), limits)).toBeUndefined();
    expect(problemOf(bytesOf(copies(34)), limits)?.detail).toMatchObject({ what: 'activations' });
  });
});

describe('hostile bytes', () => {
  const model = mlpBytes([4, 3, 2], numbers(1));

  it('random bytes end in a HanseError', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => {
        expect(problemOf(bytes)).toBeInstanceOf(HanseError);
      }),
      { numRuns: 500 },
    );
  });

  it('a model with bytes changed or cut is read or refused, and nothing else happens', () => {
    const change = fc.tuple(fc.nat(model.length - 1), fc.nat(255));
    let refused = 0;
    fc.assert(
      fc.property(
        fc.array(change, { minLength: 1, maxLength: 4 }),
        fc.nat(model.length),
        (changes, length) => {
          const bytes = model.slice(0, length % 3 === 0 ? length : model.length);
          for (const [at, value] of changes) if (at < bytes.length) bytes[at] = value;
          if (problemOf(bytes)) refused += 1;
        },
      ),
      { numRuns: 1000 },
    );
    expect(problemOf(model)).toBeUndefined();
    expect(refused).toBeGreaterThan(0);
  });

  it('lists and inputs without end are refused before any work is done on them', () => {
    const long = Array.from({ length: 100_000 }, (_, index) => index);
    const unsqueeze = (axes: number[]) => ({
      initializers: [integers('axes', ...axes)],
      nodes: [{ op: 'Unsqueeze', inputs: ['in', 'axes'], output: 'out' }],
    });
    const max = (count: number) => ({
      nodes: [{ op: 'Max', inputs: Array<string>(count).fill('in'), output: 'out' }],
    });
    expect(problemOf(bytesOf(unsqueeze([0])))).toBeUndefined();
    expect(problemOf(bytesOf(unsqueeze(long)))?.code).toBe('graphMalformed');
    expect(problemOf(bytesOf(max(3)))).toBeUndefined();
    expect(problemOf(bytesOf(max(200_000)))?.code).toBe('graphMalformed');
  });

  it('graphs nested a thousand deep do not exhaust the stack', () => {
    const field = (number: number, content: Uint8Array) => {
      const writer = new BinaryWriter().tag(number, WireType.LengthDelimited);
      return writer.bytes(content).finish();
    };
    let graph: Uint8Array = new Uint8Array();
    for (let depth = 0; depth < 1000; depth += 1) {
      const [body, attribute, node] = [6, 5, 1];
      graph = field(node, field(attribute, field(body, graph)));
    }
    expect(problemOf(field(7, graph))?.code).toBe('graphMalformed');
    expect(problemOf(bytesOf(RELU))).toBeUndefined();
  });
});
