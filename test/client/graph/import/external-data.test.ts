import { create } from '@bufbuild/protobuf';
import { describe, expect, it } from 'vitest';
import { exportModel } from '../../../../client/graph/export-model.ts';
import {
  TensorProto_DataLocation as DataLocation,
  TensorProto_DataType as DataType,
  StringStringEntryProtoSchema,
  type TensorProto,
  TensorProtoSchema,
} from '../../../../client/graph/gen/onnx_pb.ts';
import { importModel } from '../../../../client/graph/import-model.ts';
import { initialParameters } from '../../../../client/graph/parameters.ts';
import { bytesOf, constantNode, floats, problemOf, type Sketch } from '../model-sketch.ts';

/** A tensor elsewhere; entries that are undefined are left out. */
function elsewhere(
  name: string,
  dims: number[],
  entries: Record<string, string | undefined>,
  dataType: number = DataType.FLOAT,
): TensorProto {
  const externalData = Object.entries(entries).flatMap(([key, value]) =>
    value === undefined ? [] : [create(StringStringEntryProtoSchema, { key, value })],
  );
  return create(TensorProtoSchema, {
    name,
    dims: dims.map(BigInt),
    dataType,
    dataLocation: DataLocation.EXTERNAL,
    externalData,
  });
}

function adding(...initializers: TensorProto[]): Sketch {
  return {
    initializers,
    nodes: initializers.map(({ name }, index) => ({
      op: 'Add',
      inputs: [index === 0 ? 'in' : `v${index - 1}`, name],
      output: index === initializers.length - 1 ? 'out' : `v${index}`,
    })),
  };
}

const FILE = new Uint8Array(Float32Array.of(0, 1, 2, 3, 4, 5, 6, 7).buffer);
const only = (location: string) => (asked: string) => {
  if (asked !== location) throw new Error(`asked for ${asked}`);
  return FILE;
};

describe('data in other files', () => {
  it('are read where they are said to lie, and a file once', () => {
    const asked: string[] = [];
    const sketch = adding(
      elsewhere('a', [3], { location: 'data/weights.bin', offset: '4', length: '12', checksum: 'any' }),
      floats('b', [3], 7, 8, 9),
      elsewhere('c', [1, 2, 1], { location: 'data/weights.bin', offset: '24' }),
    );
    const forward = importModel(bytesOf(sketch), {
      externalData: (location) => {
        asked.push(location);
        return FILE;
      },
    });
    expect(asked).toEqual(['data/weights.bin']);
    expect(initialParameters(forward)).toEqual(Float32Array.of(1, 2, 3, 7, 8, 9, 6, 7));
  });

  it('are views of the file, and within the file that an export writes', () => {
    const forward = importModel(bytesOf(adding(elsewhere('a', [3], { location: 'w', offset: '4' }))), {
      externalData: only('w'),
    });
    expect(forward.parameters[0]?.data.buffer).toBe(FILE.buffer);
    const exported = exportModel(forward, initialParameters(forward));
    expect(initialParameters(importModel(exported))).toEqual(Float32Array.of(1, 2, 3));
    expect(exported).toEqual(bytesOf(adding(floats('a', [3], 1, 2, 3))));
  });

  it('may be frozen, integers, or the value of a Constant node', () => {
    const axes = elsewhere('axes', [1], { location: 'w', offset: '8' }, DataType.INT64);
    const file = new Uint8Array(BigInt64Array.of(0n, 1n).buffer);
    const constant = constantNode('c', { dtype: 'float32', shape: [], data: Float32Array.of(0) });
    const [attribute] = constant.attributes ?? [];
    const t = elsewhere('', [1], { location: 'w' });
    const sketch: Sketch = {
      input: ['N', 1, 2],
      initializers: [axes],
      nodes: [
        { ...constant, attributes: attribute ? [{ ...attribute, t }] : [] },
        { op: 'Add', inputs: ['in', 'c'], output: 'a' },
        { op: 'Squeeze', inputs: ['a', 'axes'], output: 'out' },
      ],
    };
    const forward = importModel(bytesOf(sketch), { externalData: () => file });
    expect(forward.constants.get('axes')?.data).toEqual(BigInt64Array.of(1n));
    expect(
      initialParameters(importModel(exportModel(forward, new Float32Array()), { train: ['c'] })),
    ).toEqual(Float32Array.of(0));
  });

  it('are not read where a model has to be one file', () => {
    const bytes = bytesOf(adding(elsewhere('a', [3], { location: 'w' })));
    expect(problemOf(bytes, { externalData: only('w') })).toBeUndefined();
    expect(problemOf(bytes)).toMatchObject({ code: 'graphFileRefused', detail: { location: 'w' } });
  });
});

describe('refused before anything is read', () => {
  const read = (location: string) => {
    throw new Error(`${location} was read`);
  };

  it.each([
    '',
    '/etc/passwd',
    '../secret',
    'data/../../secret',
    '..',
    'data/..',
    'data//w',
    'data/',
    'C:/secret',
    'c:secret',
    '\\\\host\\share',
    '..\\secret',
    'w\0.bin',
    'w\n',
    'file:///etc/passwd',
    '\u202e',
  ])('location %j', (location) => {
    const problem = problemOf(bytesOf(adding(elsewhere('a', [3], { location }))), { externalData: read });
    expect(problem).toMatchObject({ code: 'graphFileRefused', detail: { location } });
  });

  it.each<[string, Parameters<typeof elsewhere>, string]>([
    ['no location', ['a', [3], {}], 'graphFileRefused'],
    ['a negative offset', ['a', [3], { location: 'w', offset: '-4' }], 'graphMalformed'],
    ['a fraction', ['a', [3], { location: 'w', offset: '4.5' }], 'graphMalformed'],
    ['a number without end', ['a', [3], { location: 'w', offset: '9'.repeat(30) }], 'graphMalformed'],
    ['another length than the shape takes', ['a', [3], { location: 'w', length: '16' }], 'graphMalformed'],
    ['a type that is not read', ['a', [3], { location: 'w' }, 10], 'graphMalformed'],
    ['a negative axis', ['a', [-3], { location: 'w' }], 'graphMalformed'],
    ['10 GB by declaration', ['a', [50_000, 50_000], { location: 'w' }], 'graphTooLarge'],
    ['1 GB by declaration', ['a', [16_384, 16_384], { location: 'w' }], 'graphTooLarge'],
  ])('%s', (_, tensor, code) => {
    expect(problemOf(bytesOf(adding(elsewhere(...tensor))), { externalData: read })?.code).toBe(code);
  });

  it('a key twice, another place than there is, data within and outside', () => {
    const twice = elsewhere('a', [3], { location: 'w' });
    twice.externalData.push(create(StringStringEntryProtoSchema, { key: 'location', value: 'v' }));
    const nowhere = { ...elsewhere('a', [3], { location: 'w' }), dataLocation: 2 as DataLocation };
    const both = { ...elsewhere('a', [3], { location: 'w' }), rawData: new Uint8Array(12) };
    for (const tensor of [twice, nowhere, both])
      expect(problemOf(bytesOf(adding(tensor)), { externalData: read })?.code).toBe('graphMalformed');
  });
});

describe('what the file turns out to be', () => {
  const at = (offset: number, count: number) =>
    problemOf(bytesOf(adding(elsewhere('a', [count], { location: 'w', offset: `${offset}` }))), {
      externalData: only('w'),
    });

  it('too short', () => {
    expect(at(20, 3)).toBeUndefined();
    expect(at(21, 3)).toMatchObject({
      code: 'graphFileRefused',
      detail: { reason: 'tensor a ends at byte 33 of 32' },
    });
    expect(at(900_000_000_000_000, 3)?.code).toBe('graphFileRefused');
  });

  it('large, together with the model and other tensors', () => {
    const bytes = bytesOf(adding(...['a', 'b'].map((name) => elsewhere(name, [3], { location: 'w' }))));
    const limits = { bytes: bytes.length + 24 };
    expect(problemOf(bytes, { externalData: only('w'), limits })).toBeUndefined();
    limits.bytes -= 1;
    expect(problemOf(bytes, { externalData: only('w'), limits })?.detail).toMatchObject({ what: 'bytes' });
  });
});
