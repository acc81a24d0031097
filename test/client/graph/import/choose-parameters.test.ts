import { describe, expect, it } from 'vitest';
import { compilePrediction } from '../../../../client/graph/compile-prediction.ts';
import { compileTrainStep } from '../../../../client/graph/compile-train-step.ts';
import { exportModel } from '../../../../client/graph/export-model.ts';
import { type ImportOptions, importModel } from '../../../../client/graph/import-model.ts';
import { encodeAttribute } from '../../../../client/graph/onnx-encode.ts';
import { initialParameters } from '../../../../client/graph/parameters.ts';
import {
  bytesOf,
  constantNode,
  floatAttribute,
  floats,
  problemOf,
  RELU,
  type Sketch,
} from '../model-sketch.ts';

/** Two layers as initialisers; a tensor, a number and integers as Constant nodes. */
const LAYERS: Sketch = {
  initializers: [
    floats('body.weight', [3, 3], 1, 2, 3, 4, 5, 6, 7, 8, 9),
    floats('body.bias', [3], 1, 2, 3),
    floats('head.weight', [3, 2], 1, 2, 3, 4, 5, 6),
    floats('head.bias', [2], 1, 2),
  ],
  nodes: [
    constantNode('shift', { dtype: 'float32', shape: [2], data: Float32Array.of(5, 6) }),
    { op: 'Constant', inputs: [], output: 'factor', attributes: [floatAttribute('value_float', 0.5)] },
    constantNode('one', { dtype: 'int64', shape: [1], data: BigInt64Array.of(1n) }),
    { op: 'MatMul', inputs: ['in', 'body.weight'], output: 'a' },
    { op: 'Add', inputs: ['a', 'body.bias'], output: 'b' },
    { op: 'MatMul', inputs: ['b', 'head.weight'], output: 'c' },
    { op: 'Add', inputs: ['c', 'head.bias'], output: 'd' },
    { op: 'Add', inputs: ['d', 'shift'], output: 'e' },
    { op: 'Mul', inputs: ['e', 'factor'], output: 'f' },
    { op: 'Unsqueeze', inputs: ['f', 'one'], output: 'out' },
  ],
};

const BODY = ['body.weight', 'body.bias'];
const HEAD = ['head.weight', 'head.bias'];

const names = (tensors: readonly { readonly name: string }[]) => tensors.map(({ name }) => name);

describe('what is trained', () => {
  it.each<[string, ImportOptions, string[], string[]]>([
    ['every initialiser, no Constant node', {}, [...BODY, ...HEAD], []],
    ['not what is frozen', { freeze: ['body.*'] }, HEAD, BODY],
    [
      'not what any of several patterns freezes',
      { freeze: ['body.weight', '*.bias'] },
      ['head.weight'],
      [...BODY, 'head.bias'],
    ],
    ['what is named, though all is frozen', { freeze: ['*'], train: ['head.*'] }, HEAD, BODY],
    [
      'Constant nodes that are named, behind the initialisers',
      { train: ['factor', 's*'] },
      [...BODY, ...HEAD, 'shift', 'factor'],
      [],
    ],
    ['Constant nodes alone', { freeze: ['*'], train: ['factor'] }, ['factor'], [...BODY, ...HEAD]],
    ['initialisers that would be anyway', { train: ['head.*'] }, [...BODY, ...HEAD], []],
  ])('%s', (_, options, parameters, frozen) => {
    const forward = importModel(bytesOf(LAYERS), options);
    expect(names(forward.parameters)).toEqual(parameters);
    expect(names(forward.frozen)).toEqual(frozen);
    expect(forward.choices).toEqual(options);
    expect(forward.nodes.filter(({ op }) => op === 'Constant')).toHaveLength(
      3 - parameters.filter((name) => /^(factor|shift)$/.test(name)).length,
    );
    const { parameters: specs } = compilePrediction(forward, { batchSize: 2 });
    expect(names(specs)).toEqual(parameters);
  });

  it.each<[string, ImportOptions]>([
    ['initialisers', { freeze: ['body.*'] }],
    ['Constant nodes that hold a tensor', { freeze: ['*'], train: ['shift'] }],
    ['Constant nodes that hold a number', { freeze: ['*'], train: ['factor', 'head.bias'] }],
  ])('is written back: %s', (_, options) => {
    const forward = importModel(bytesOf(LAYERS), options);
    const changed = initialParameters(forward).map((value) => value + 100);
    const bytes = exportModel(forward, changed);
    const again = importModel(bytes, options);
    expect(initialParameters(again)).toEqual(changed);
    expect(exportModel(again, initialParameters(forward))).toEqual(bytesOf(LAYERS));
  });

  it('numbers of a Constant node that hold a list', () => {
    const list = encodeAttribute('value_floats', { kind: 'floats', value: [1, 2, 3] });
    const sketch: Sketch = {
      nodes: [
        { op: 'Constant', inputs: [], output: 'shift', attributes: [list] },
        { op: 'Add', inputs: ['in', 'shift'], output: 'out' },
      ],
    };
    const forward = importModel(bytesOf(sketch), { train: ['shift'] });
    expect(initialParameters(forward)).toEqual(Float32Array.of(1, 2, 3));
    const again = importModel(exportModel(forward, Float32Array.of(4, 5, 6)), { train: ['shift'] });
    expect(initialParameters(again)).toEqual(Float32Array.of(4, 5, 6));
  });
});

describe('patterns that are refused', () => {
  it.each<[string, ImportOptions, object]>([
    ['one that freezes nothing', { freeze: ['haed.*'] }, { list: 'freeze', pattern: 'haed.*' }],
    ['one among others', { freeze: ['head.*', 'Body.*'] }, { list: 'freeze', pattern: 'Body.*' }],
    ['one that trains nothing', { train: ['tail'] }, { list: 'train', pattern: 'tail' }],
    [
      'one that would freeze a Constant node, which is never trained unless asked for',
      { freeze: ['shift'] },
      { list: 'freeze', pattern: 'shift' },
    ],
    ['one that would train integers', { train: ['one'] }, { list: 'train', pattern: 'one' }],
    ['an empty one', { freeze: [''] }, { list: 'freeze', pattern: '' }],
  ])('%s', (_, options, detail) => {
    expect(problemOf(bytesOf(LAYERS), options)).toMatchObject({ code: 'graphPatternUnmatched', detail });
  });

  it('says which names there are', () => {
    const { detail } = problemOf(bytesOf(LAYERS), { freeze: ['x'] }) ?? {};
    expect(detail?.reason).toContain('body.weight, body.bias');
  });

  it('those that leave nothing to train', () => {
    expect(problemOf(bytesOf(LAYERS), { freeze: ['body.*', 'head.*'] })).toMatchObject({
      code: 'graphWithoutParameters',
      detail: { tensors: 6 },
    });
  });

  it('and a model that has none from the beginning, when it is to be trained', () => {
    const training = { loss: { type: 'mse' }, optimizer: { type: 'sgd' }, batchSize: 2 } as const;
    expect(() => compileTrainStep(importModel(bytesOf(LAYERS)), training)).not.toThrow();
    const forward = importModel(bytesOf(RELU));
    expect(() => compilePrediction(forward, { batchSize: 2 })).not.toThrow();
    const code = 'graphWithoutParameters';
    expect(() => compileTrainStep(forward, training)).toThrow(expect.objectContaining({ code }));
  });

  it('those that would take longer than a node will look at', () => {
    const patterns = { freeze: ['body.*'] };
    const characters = ['body.weight', 'body.bias', 'head.weight', 'head.bias', 'shift', 'factor'].join(
      '',
    ).length;
    const matching = characters * 'body.*'.length;
    expect(problemOf(bytesOf(LAYERS), { ...patterns, limits: { matching } })).toBeUndefined();
    expect(problemOf(bytesOf(LAYERS), { ...patterns, limits: { matching: matching - 1 } })).toMatchObject({
      code: 'graphTooLarge',
      detail: { what: 'matching', got: matching },
    });
  });
});

describe('what is never trained', () => {
  const channels = (name: string) => floats(name, [2], 1, 2);
  /** The variance is passed on by Identity, as exporters do with tensors that are equal. */
  const normalized: Sketch = {
    initializers: [...['bn.weight', 'bn.bias', 'bn.mean', 'bn.variance'].map(channels), floats('low', [], 0)],
    nodes: [
      { op: 'Identity', inputs: ['bn.variance'], output: 'copy' },
      { op: 'BatchNormalization', inputs: ['in', 'bn.weight', 'bn.bias', 'bn.mean', 'copy'], output: 'a' },
      { op: 'Clip', inputs: ['a', 'low'], output: 'out' },
    ],
  };

  it('statistics of an inference model, and bounds', () => {
    const forward = importModel(bytesOf(normalized));
    expect(names(forward.parameters)).toEqual(['bn.weight', 'bn.bias']);
    expect(names(forward.frozen)).toEqual(['bn.mean', 'bn.variance', 'low']);
  });

  it('whatever a pattern says; one that asks for nothing else is refused', () => {
    const forward = importModel(bytesOf(normalized), { freeze: ['*'], train: ['bn.*'] });
    expect(names(forward.parameters)).toEqual(['bn.weight', 'bn.bias']);
    const problem = problemOf(bytesOf(normalized), { train: ['bn.mean'] });
    expect(problem).toMatchObject({ code: 'graphPatternUnmatched', detail: { list: 'train' } });
    expect(problem?.detail.reason).toContain('never trained');
    expect(problemOf(bytesOf(normalized), { freeze: ['bn.mean'] })).toBeUndefined();
  });
});

describe('values that are no finite numbers', () => {
  const masked = (value: number): Sketch => ({
    initializers: [floats('weight', [3], 1, 2, 3), floats('mask', [3], 0, value, 0)],
    nodes: [
      { op: 'Mul', inputs: ['in', 'weight'], output: 'a' },
      { op: 'Add', inputs: ['a', 'mask'], output: 'out' },
    ],
  });

  it('an infinite parameter is refused by name, a frozen one is a mask', () => {
    for (const value of [Number.NEGATIVE_INFINITY, Number.POSITIVE_INFINITY]) {
      expect(problemOf(bytesOf(masked(value)))?.detail.reason).toMatch(
        /^parameter mask: element 1 is infinite; freeze/,
      );
      expect(problemOf(bytesOf(masked(value)), { freeze: ['mask'] })).toBeUndefined();
    }
    expect(problemOf(bytesOf(masked(1)))).toBeUndefined();
  });

  it('what is not a number is refused everywhere', () => {
    expect(problemOf(bytesOf(masked(Number.NaN)))?.detail.reason).toBe(
      'tensor mask: element 1 is not a number (NaN)',
    );
    expect(problemOf(bytesOf(masked(Number.NaN)), { freeze: ['mask'] })?.code).toBe('graphMalformed');
    const constant = (value: number): Sketch => ({
      nodes: [
        constantNode('c', { dtype: 'float32', shape: [1], data: Float32Array.of(value) }),
        { op: 'Add', inputs: ['in', 'c'], output: 'out' },
      ],
    });
    expect(problemOf(bytesOf(constant(Number.NEGATIVE_INFINITY)))).toBeUndefined();
    expect(problemOf(bytesOf(constant(Number.NaN)))?.code).toBe('graphMalformed');
    expect(problemOf(bytesOf(constant(Number.NEGATIVE_INFINITY)), { train: ['c'] })?.code).toBe(
      'graphMalformed',
    );
    const number: Sketch = {
      nodes: [
        { op: 'Elu', inputs: ['in'], output: 'out', attributes: [floatAttribute('alpha', Number.NaN)] },
      ],
    };
    expect(problemOf(bytesOf(number))?.detail.reason).toContain('attribute alpha is not a number');
  });
});
