import { create, toBinary } from '@bufbuild/protobuf';
import { BinaryWriter, WireType } from '@bufbuild/protobuf/wire';
import { describe, expect, it } from 'vitest';
import { compilePrediction } from '../../../../client/graph/compile-prediction.ts';
import {
  TensorProto_DataType as DataType,
  ModelProtoSchema,
  TypeProtoSchema,
} from '../../../../client/graph/gen/onnx_pb.ts';
import { type ImportOptions, importModel } from '../../../../client/graph/import-model.ts';
import { type Axis, bytesOf, floats, messageOf, problemOf, RELU } from '../model-sketch.ts';

const relu = (...input: Axis[]) => bytesOf({ ...RELU, input });
const exampleOf = (bytes: Uint8Array, options: ImportOptions = {}) =>
  importModel(bytes, options).input.example;

describe('free axes', () => {
  it('the batch axis is given a length when the model is compiled', () => {
    for (const batch of ['N', undefined]) {
      const forward = importModel(relu(batch, 3));
      expect(forward.input.batch).toBeUndefined();
      for (const batchSize of [1, 7])
        expect(compilePrediction(forward, { batchSize }).outputs[0]?.shape).toEqual([batchSize, 3]);
    }
  });

  it('others have to be given when it is read, by name or not', () => {
    for (const free of ['L', undefined]) {
      expect(problemOf(relu('N', free, 3))?.detail.reason).toMatch(
        /leaves [L?] free; give its shape .*--input-shape/,
      );
      const forward = importModel(relu('N', free, 3), { inputShape: [5, 3] });
      expect(forward.input).toMatchObject({ batch: undefined, example: [5, 3] });
      expect(forward.choices).toEqual({ inputShape: [5, 3] });
      expect(compilePrediction(forward, { batchSize: 2 }).outputs[0]?.shape).toEqual([2, 5, 3]);
    }
  });

  it('of one name have one length', () => {
    expect(exampleOf(relu('N', 'L', 'L'), { inputShape: [4, 4] })).toEqual([4, 4]);
    expect(exampleOf(relu('N', 'L', 'M'), { inputShape: [4, 5] })).toEqual([4, 5]);
    expect(exampleOf(relu('N', undefined, undefined), { inputShape: [4, 5] })).toEqual([4, 5]);
    expect(problemOf(relu('N', 'L', 'L'), { inputShape: [4, 5] })?.code).toBe('dataShapeMismatch');
  });

  it.each([
    ['another rank', [5]],
    ['more axes', [5, 3, 1]],
    ['another length than the model has', [5, 4]],
    ['nothing', []],
    ['an empty axis', [0, 3]],
    ['a negative length', [-5, 3]],
    ['a fraction', [2.5, 3]],
    ['no number', [Number.NaN, 3]],
  ])('refuse %s', (_, inputShape) => {
    expect(problemOf(relu('N', 'L', 3), { inputShape })).toMatchObject({
      code: 'dataShapeMismatch',
      detail: { expected: '[L,3]', got: `[${inputShape}]` },
    });
  });

  it('of a huge length are refused like all that is huge', () => {
    expect(problemOf(relu('N', 'L'), { inputShape: [2 ** 40] })?.code).toBe('graphTooLarge');
  });
});

describe('a shape given for a model that needs none', () => {
  it('has to agree, up to axes of length 1', () => {
    for (const inputShape of [
      [2, 3],
      [2, 1, 3],
      [1, 2, 3],
    ]) {
      const forward = importModel(relu('N', 2, 3), { inputShape });
      expect(forward.input.example).toEqual([2, 3]);
      expect(forward.choices).toEqual({});
    }
    expect(problemOf(relu('N', 2, 3), { inputShape: [3, 2] })?.code).toBe('dataShapeMismatch');
    expect(problemOf(relu('N', 2, 3), { inputShape: [6] })?.code).toBe('dataShapeMismatch');
  });
});

describe('the input', () => {
  it('is the one that is no initialiser; others are refused by name', () => {
    const weighted = { ...RELU, initializers: [floats('weight', [1], 2)] };
    expect(importModel(bytesOf({ ...weighted, moreInputs: ['weight'] })).input.name).toBe('in');
    const reason = problemOf(bytesOf({ ...weighted, moreInputs: ['mask', 'weight'] }))?.detail.reason;
    expect(reason).toBe('inputs "in", "mask"; a model has one');
    const none = messageOf({
      nodes: [{ op: 'Relu', inputs: ['weight'], output: 'out' }],
      initializers: [floats('weight', [1], 2)],
    });
    none.graph?.input.splice(0);
    expect(problemOf(toBinary(ModelProtoSchema, none))?.detail.reason).toBe('no input');
  });

  it.each<[string, Uint8Array, RegExp]>([
    [
      'of float64',
      bytesOf({ ...RELU, inputType: DataType.DOUBLE }),
      /input in is float64; float32, int32 and int64/,
    ],
    ['of text', bytesOf({ ...RELU, inputType: 8 }), /input in is string/],
    ['of a type unheard of', bytesOf({ ...RELU, inputType: 99 }), /input in is number 99/],
    ['without axes', relu(), /no batch axis/],
    ['with an empty axis', relu('N', 0), /is empty/],
    ['with an empty batch', relu(0, 3), /is empty/],
    ['with a negative axis', relu('N', -1), /negative axis length/],
    ['with a negative batch', relu(-1, 3), /negative axis length/],
  ])('is refused %s', (_, bytes, reason) => {
    expect(problemOf(bytes)?.detail.reason).toMatch(reason);
  });

  it('is refused where it is no tensor, by what it is', () => {
    const reasonOf = (type: Parameters<typeof create<typeof TypeProtoSchema>>[1], field?: number) => {
      const message = messageOf(RELU);
      const [info] = message.graph?.input ?? [];
      if (!info) throw new Error('no input');
      info.type = create(TypeProtoSchema, type);
      if (field !== undefined)
        info.type.$unknown = [
          { no: field, wireType: WireType.LengthDelimited, data: new BinaryWriter().uint32(0).finish() },
        ];
      return problemOf(toBinary(ModelProtoSchema, message))?.detail.reason;
    };
    expect(reasonOf({}, 4)).toBe('input in is a sequence; a model takes a tensor');
    expect(reasonOf({}, 9)).toBe('input in is optional; a model takes a tensor');
    expect(reasonOf({})).toBe('input in is of no type; a model takes a tensor');
    expect(reasonOf({ value: { case: 'tensorType', value: { elemType: DataType.FLOAT } } })).toBe(
      'input in has no shape',
    );
  });
});
