// covers: client/graph/import-model.ts, client/graph/onnx-decode.ts, client/graph/forward-graph.ts, client/graph/lowering/known.ts, client/graph/forward-operators.ts, client/graph/limits.ts
import { create } from '@bufbuild/protobuf';
import { BinaryWriter, WireType } from '@bufbuild/protobuf/wire';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { compilePrediction } from '../../../client/graph/compile-prediction.ts';
import { TensorProto_DataType as DataType, TensorProtoSchema } from '../../../client/graph/gen/onnx_pb.ts';
import { importModel } from '../../../client/graph/import-model.ts';
import { mlpBytes } from '../../../client/graph/models/mlp.ts';
import { encodeTensor } from '../../../client/graph/onnx-encode.ts';
import { initialParameters } from '../../../client/graph/parameters.ts';
import type { ProblemCode } from '../../../protocol/problem.ts';
import {
  bytesOf,
  floats,
  intAttribute,
  integers,
  intsAttribute,
  problemOf,
  RELU,
  type Sketch,
} from './model-sketch.ts';
import { hasRuntime, load32 } from './onnx-runtime.ts';
import { numbers } from './random-arrays.ts';

/** What PyTorch writes for `x.view(x.size(0), -1)`. */
const VIEW: Sketch = {
  initializers: [
    encodeTensor('zero', { dtype: 'int64', shape: [], data: BigInt64Array.of(0n) }),
    integers('axes', 0),
    integers('rest', -1),
  ],
  nodes: [
    { op: 'Shape', inputs: ['in'], output: 'shape' },
    { op: 'Gather', inputs: ['shape', 'zero'], output: 'size', attributes: [intAttribute('axis', 0)] },
    { op: 'Unsqueeze', inputs: ['size', 'axes'], output: 'size1' },
    { op: 'Concat', inputs: ['size1', 'rest'], output: 'target', attributes: [intAttribute('axis', 0)] },
    { op: 'Reshape', inputs: ['in', 'target'], output: 'out' },
  ],
};

describe('what is read', () => {
  it('float initialisers are parameters, whichever field holds them; others are constants', () => {
    const listed = create(TensorProtoSchema, {
      name: 'b',
      dims: [3n],
      dataType: DataType.FLOAT,
      floatData: [new Uint8Array(Float32Array.of(4, 5, 6).buffer)],
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
    expect(forward.input).toEqual({ name: 'in', dtype: 'float32', batch: undefined, example: [2, 3] });
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

  it('bytes at any offset of a larger buffer, large tensors and small', () => {
    const data = Float32Array.from({ length: 40_000 }, (_, index) => index / 7);
    const large = encodeTensor('large', { dtype: 'float32', shape: [200, 200], data });
    const inner = bytesOf({ ...RELU, initializers: [floats('small', [1], 7), large] });
    for (const offset of [0, 1, 2, 3]) {
      const buffer = Buffer.concat([Buffer.alloc(offset), inner, Buffer.from('after')]);
      const forward = importModel(buffer.subarray(offset, offset + inner.length));
      const [first, ...rest] = initialParameters(forward);
      expect(first).toBe(7);
      expect(rest.every((value, index) => value === data[index])).toBe(true);
      expect(rest).toHaveLength(40_000);
    }
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
      'float16',
      'graphMalformed',
      { ...RELU, initializers: [create(TensorProtoSchema, { name: 'w', dims: [1n], dataType: 10 })] },
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
    const exact = {
      bytes: bytes.length,
      fields: 71,
      depth: 6,
      text: 'Gemm:dense0.product'.length,
      nodes: 3,
      nodeValues: 3,
      parameters: 23,
      elements: 12,
      activations: 24,
      rank: 2,
    };
    expect(problemOf(bytes, { limits: exact })).toBeUndefined();
    for (const [what, limit] of Object.entries(exact)) {
      const problem = problemOf(bytes, { limits: { ...exact, [what]: limit - 1 } });
      expect(problem).toMatchObject({ code: 'graphTooLarge', detail: { what, limit: limit - 1 } });
    }
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
    expect(problemOf(bytesOf(copies(33)), { limits })).toBeUndefined();
    expect(problemOf(bytesOf(copies(34)), { limits })?.detail).toMatchObject({ what: 'activations' });
  });
});

describe('hostile bytes', () => {
  const model = mlpBytes([4, 3, 2], numbers(1));

  it('random bytes end in a HanseError', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => {
        expect(problemOf(bytes)?.code).toMatch(/^graph/);
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
    expect(problemOf(bytesOf(max(200_000)))?.detail).toMatchObject({ what: 'nodeValues', got: 200_000 });
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
    expect(problemOf(field(7, graph))?.detail).toMatchObject({ what: 'depth' });
    expect(problemOf(bytesOf(RELU))).toBeUndefined();
  });
});
