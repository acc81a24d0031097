import { describe, expect, it } from 'vitest';
import { compilePrediction } from '../../../../client/graph/compile-prediction.ts';
import type { AttributeProto } from '../../../../client/graph/gen/onnx_pb.ts';
import { importModel } from '../../../../client/graph/import-model.ts';
import { initialParameters, parameterSpecs } from '../../../../client/graph/parameters.ts';
import {
  bytesOf,
  constantNode,
  floatAttribute,
  floats,
  intAttribute,
  integers,
  intsAttribute,
  problemOf,
  type Sketch,
} from '../model-sketch.ts';
import { hasRuntime, load32 } from '../onnx-runtime.ts';

const INPUT = {
  shape: [2, 2, 3],
  data: Float64Array.from({ length: 12 }, (_, index) => ((index * 7) % 12) / 5 - 1),
};

/** One node of a given operator set on `in`, [N, 2, 3]. */
function single(opset: number, op: string, ...attributes: AttributeProto[]): Sketch {
  return { opset, nodes: [{ op, inputs: ['in'], output: 'out', attributes }] };
}

const SCALES = [
  floats('scale', [2], 1, 2),
  floats('bias', [2], 3, -1),
  floats('mean', [2], 0.1, 0.2),
  floats('variance', [2], 1, 0.5),
];
const NORMALIZE = { op: 'BatchNormalization', inputs: ['in', 'scale', 'bias', 'mean', 'variance'] };

describe.skipIf(!hasRuntime)('computes what ONNX Runtime computes from the old form', () => {
  it.each<[string, Sketch]>([
    ['axes of a reduction', single(12, 'ReduceSum', intsAttribute('axes', 1), intAttribute('keepdims', 0))],
    ['axes of a mean', single(17, 'ReduceMean', intsAttribute('axes', -1))],
    ['axes of a norm', single(17, 'ReduceL2', intsAttribute('axes', -1))],
    ['axes to add', single(11, 'Unsqueeze', intsAttribute('axes', 0, 2))],
    ['axes to take away', { ...single(11, 'Squeeze', intsAttribute('axes', 1)), input: ['N', 1, 3] }],
    ['bounds', single(10, 'Clip', floatAttribute('min', -0.5), floatAttribute('max', 0.25))],
    ['one bound', single(9, 'Clip', floatAttribute('max', 0))],
    ['margins', single(10, 'Pad', intsAttribute('pads', 0, 1, 0, 0, 0, 2), floatAttribute('value', 7))],
    ['margins of zeros', single(7, 'Pad', intsAttribute('pads', 0, 0, 1, 0, 0, 0))],
    [
      'a part',
      single(9, 'Slice', intsAttribute('axes', 2), intsAttribute('starts', 1), intsAttribute('ends', 9)),
    ],
    [
      'a part of the first axes',
      single(7, 'Slice', intsAttribute('starts', 0, -1), intsAttribute('ends', 2, 2)),
    ],
    [
      'lengths of pieces',
      {
        opset: 11,
        nodes: [
          {
            op: 'Split',
            inputs: ['in'],
            output: ['a', 'b'],
            attributes: [intAttribute('axis', 2), intsAttribute('split', 1, 2)],
          },
          { op: 'Add', inputs: ['a', 'b'], output: 'out' },
        ],
      },
    ],
    ['a mean over joined axes', single(12, 'Softmax')],
    ['a mean over all axes', single(11, 'Softmax', intAttribute('axis', 0))],
    ['a mean over the last axis, counted from the start', single(9, 'Softmax', intAttribute('axis', 2))],
    ['a mean over the last axis, counted from the end', single(11, 'Softmax', intAttribute('axis', -1))],
    ['a mean over one axis, as it has been since', single(13, 'Softmax', intAttribute('axis', 1))],
    ['dropout in use', single(10, 'Dropout', floatAttribute('ratio', 0.9))],
    ['dropout in use, with a ratio that later became an input', single(7, 'Dropout')],
    [
      'batch normalisation in use',
      { opset: 9, initializers: SCALES, nodes: [{ ...NORMALIZE, output: 'out' }] },
    ],
    [
      'batch normalisation that does what all do',
      {
        opset: 7,
        initializers: SCALES,
        nodes: [{ ...NORMALIZE, output: 'out', attributes: [intAttribute('spatial', 1)] }],
      },
    ],
  ])('%s', async (_, sketch) => {
    const bytes = bytesOf(sketch);
    const x = sketch.input ? { shape: [4, 1, 3], data: INPUT.data } : INPUT;
    const original = (await (await load32(bytes))(new Map([['in', x]]))).get('out');
    const forward = importModel(bytes);
    const compiled = compilePrediction(forward, { batchSize: x.shape[0] ?? 0 });
    const flat = initialParameters(forward);
    const feeds = new Map([['x', x]]);
    parameterSpecs(forward).forEach(({ shape, offset, size }, index) => {
      const { name = '' } = compiled.parameters[index] ?? {};
      feeds.set(name, { shape: [...shape], data: Float64Array.from(flat.subarray(offset, offset + size)) });
    });
    const result = (await (await load32(compiled.bytes))(feeds)).get('out');
    expect(result?.length).toBe(original?.length);
    expect(original?.some((value) => value !== 0)).toBe(true);
    original?.forEach((value, index) => {
      expect(result?.[index]).toBeCloseTo(value, 5);
    });
  });
});

describe('a node for training is told by its outputs', () => {
  const attributesOf = (sketch: Sketch) =>
    importModel(bytesOf(sketch)).nodes.map(({ attributes }) => attributes);

  it('batch normalisation before opset 14', () => {
    const normalize = (opset: number, ...output: string[]): Sketch => ({
      opset,
      initializers: SCALES,
      nodes: [{ ...NORMALIZE, output }],
    });
    expect(attributesOf(normalize(9, 'out', 'm', 'v', 's', 't'))).toEqual([
      { training_mode: { kind: 'int', value: 1 } },
    ]);
    expect(attributesOf(normalize(9, 'out'))).toEqual([{}]);
    expect(attributesOf(normalize(13, 'out', '', ''))).toEqual([{}]);
    const trained = importModel(bytesOf(normalize(9, 'out', 'm', 'v', 's', 't')));
    expect(trained.nodes[0]?.outputs).toEqual(['out', 'm', 'v']);
    expect(trained.parameters.map(({ name }) => name)).toEqual(['scale', 'bias', 'mean', 'variance']);
    const used = importModel(bytesOf(normalize(9, 'out')));
    expect(used.parameters.map(({ name }) => name)).toEqual(['scale', 'bias']);
    expect(used.frozen.map(({ name }) => name)).toEqual(['mean', 'variance']);
  });

  it('dropout before opset 12', () => {
    const inputsOf = (opset: number, ...output: string[]) => {
      const attributes = [floatAttribute('ratio', 0.25)];
      const forward = importModel(
        bytesOf({ opset, nodes: [{ op: 'Dropout', inputs: ['in'], output, attributes }] }),
      );
      return forward.nodes[0]?.inputs.map((name) => forward.constants.get(name)?.data[0]);
    };
    expect(inputsOf(11, 'out', 'mask')).toEqual([undefined, 0.25, 1]);
    expect(inputsOf(11, 'out')).toEqual([undefined, 0.25]);
    expect(inputsOf(13, 'out', 'mask')).toEqual([undefined, 0.25]);
  });
});

describe('refuses', () => {
  it('an argument that is both attribute and input, or of another kind', () => {
    const squeeze = (inputs: string[], ...attributes: AttributeProto[]) =>
      problemOf(
        bytesOf({
          input: ['N', 1, 3],
          initializers: [integers('axes', 1)],
          nodes: [{ op: 'Squeeze', inputs, output: 'out', attributes }],
        }),
      );
    expect(squeeze(['in', 'axes'])).toBeUndefined();
    expect(squeeze(['in'], intsAttribute('axes', 1))).toBeUndefined();
    expect(squeeze(['in', 'axes'], intsAttribute('axes', 1))?.detail.reason).toMatch(
      /both as attribute and as input/,
    );
    expect(squeeze(['in'], intAttribute('axes', 1))?.detail.reason).toMatch(/neither integers nor a float/);
  });

  it('batch normalisation of each element by itself', () => {
    const normalize = (...attributes: AttributeProto[]) =>
      problemOf(
        bytesOf({ opset: 7, initializers: SCALES, nodes: [{ ...NORMALIZE, output: 'out', attributes }] }),
      );
    expect(normalize(intAttribute('spatial', 1))).toBeUndefined();
    expect(normalize(intAttribute('spatial', 0))?.detail.reason).toMatch(/spatial/);
  });
});

it('float64, of which exporters make scalars, is float32 throughout', () => {
  const [float32, float64] = [1, 11];
  const forward = importModel(
    bytesOf({
      nodes: [
        constantNode('half', { dtype: 'float32', shape: [], data: Float32Array.of(0.5) }),
        { op: 'Cast', inputs: ['half'], output: 'wide', attributes: [intAttribute('to', float64)] },
        { op: 'Sqrt', inputs: ['wide'], output: 'root' },
        { op: 'Cast', inputs: ['root'], output: 'narrow', attributes: [intAttribute('to', float32)] },
        { op: 'Mul', inputs: ['in', 'narrow'], output: 'out' },
      ],
    }),
  );
  expect(compilePrediction(forward, { batchSize: 2 }).outputs[0]).toMatchObject({
    type: 'float32',
    shape: [2, 2, 3],
  });
});
