import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  checkExamples,
  type Examples,
  type ExamplesExpected,
  selectExamples,
} from '../../../client/data/examples.ts';

const sample: Examples = {
  name: 'sample',
  count: 3,
  inputShape: [2, 1],
  features: Float32Array.of(0, 1, 10, 11, 20, 21),
  targetShape: [],
  targets: Int32Array.of(0, 1, 2),
};
const expected: ExamplesExpected = {
  inputShape: [2, 1],
  targetType: 'int32',
  classes: 3,
  allowSingleClass: false,
};

describe('selectExamples', () => {
  test('numbers the persons that are left anew', () => {
    const persons = Uint32Array.of(0, 1, 2);
    const { persons: left } = selectExamples({ ...sample, persons }, Uint32Array.of(2, 0, 2));
    expect(left).toEqual(Uint32Array.of(0, 1, 0));
    expect(selectExamples(sample, Uint32Array.of(2))).not.toHaveProperty('persons');
  });

  test('copies rows and targets in the order asked for', () => {
    const selected = selectExamples(sample, Uint32Array.of(2, 0, 2));
    expect(selected.count).toBe(3);
    expect([...selected.features]).toEqual([20, 21, 0, 1, 20, 21]);
    expect(selected.targets).toEqual(Int32Array.of(2, 0, 2));
    selected.features.fill(-1);
    expect(sample.features[0]).toBe(0);
  });

  test('keeps targets of several numbers together', () => {
    const examples = { ...sample, targetShape: [2], targets: Float32Array.of(1, 2, 3, 4, 5, 6) };
    expect(selectExamples(examples, Uint32Array.of(1)).targets).toEqual(Float32Array.of(3, 4));
  });

  test('tokens stay integers', () => {
    const tokens = { ...sample, features: Int32Array.of(1, 2, 3, 4, 5, 16_777_217) };
    expect(selectExamples(tokens, Uint32Array.of(2)).features).toEqual(Int32Array.of(5, 16_777_217));
  });

  test('every row of a selection is the row it names', () => {
    fc.assert(
      fc.property(fc.array(fc.integer({ min: 0, max: 2 })), (chosen) => {
        const selected = selectExamples(sample, Uint32Array.from(chosen));
        expect([...selected.targets]).toEqual(chosen);
        expect([...selected.features]).toEqual(chosen.flatMap((i) => [10 * i, 10 * i + 1]));
      }),
    );
  });

  test('refuses an index that is not there', () => {
    expect(selectExamples(sample, Uint32Array.of(2)).count).toBe(1);
    expect(() => selectExamples(sample, Uint32Array.of(3))).toThrow(RangeError);
  });
});

describe('checkExamples', () => {
  const faults: [code: string, examples: Examples, expected: ExamplesExpected][] = [
    ['dataEmpty', selectExamples(sample, new Uint32Array(0)), expected],
    ['dataShapeMismatch', sample, { ...expected, inputShape: [3] }],
    ['dataShapeMismatch', sample, { ...expected, inputShape: [2, 2] }],
    ['dataShapeMismatch', { ...sample, inputShape: [2, 3] }, { ...expected, inputShape: [3, 2] }],
    ['dataShapeMismatch', sample, { ...expected, targetShape: [1] }],
    ['dataShapeMismatch', sample, { ...expected, targetType: 'float32' }],
    ['dataShapeMismatch', sample, { ...expected, classes: 2 }],
    ['dataShapeMismatch', { ...sample, targets: Int32Array.of(0, -1, 1) }, expected],
    ['dataShapeMismatch', { ...sample, features: new Int32Array(6) }, expected],
    ['dataShapeMismatch', sample, { ...expected, inputType: 'int32' }],
    ['dataShapeMismatch', { ...sample, targets: Int32Array.of(0, -100, 1) }, expected],
    [
      'dataShapeMismatch',
      { ...sample, targets: Int32Array.of(0, -100, 3) },
      { ...expected, ignoredLabel: -100 },
    ],
    ['dataEmpty', { ...sample, targets: Int32Array.of(1, 1, 1) }, { ...expected, ignoredLabel: 1 }],
    ['dataSingleClass', { ...sample, targets: Int32Array.of(2, 1, 2) }, { ...expected, ignoredLabel: 1 }],
    [
      'dataShapeMismatch',
      { ...sample, targets: Float32Array.of(0, 1.5, 1) },
      { ...expected, targetType: 'float32', targetRange: [0, 1] },
    ],
    ['dataMalformed', { ...sample, features: Float32Array.of(0, 1, NaN, 3, 4, 5) }, expected],
    ['dataMalformed', { ...sample, features: new Int32Array(5) }, { ...expected, inputType: 'int32' }],
    ['dataMalformed', { ...sample, features: Float32Array.of(0, 1, 2, 3, 4) }, expected],
    ['dataMalformed', { ...sample, targets: Int32Array.of(0, 1) }, expected],
    [
      'dataMalformed',
      { ...sample, targets: Float32Array.of(0, Infinity, 1) },
      { ...expected, targetType: 'float32' },
    ],
    ['dataSingleClass', { ...sample, targets: Int32Array.of(2, 2, 2) }, expected],
  ];

  test.each(faults)('%s', (code, examples, asked) => {
    expect(() => checkExamples(sample, expected)).not.toThrow();
    expect(() => checkExamples(examples, asked)).toThrow(expect.objectContaining({ code }));
  });

  test.each([
    [[6], [2, 3]],
    [[2, 3], [6]],
    [
      [1, 6],
      [2, 3],
    ],
    [
      [4, 5],
      [1, 4, 5],
    ],
    [[4, 5, 1], [20]],
    [[], [1]],
  ])('takes the same values in other axes: [%j] for %j', (got, asked) => {
    const size = got.reduce((a, b) => a * b, 1);
    const examples = { ...sample, inputShape: got, features: new Float32Array(3 * size) };
    expect(() => checkExamples(examples, { ...expected, inputShape: asked })).not.toThrow();
    const larger = { ...expected, inputShape: [...asked, 2] };
    expect(() => checkExamples(examples, larger)).toThrow(
      expect.objectContaining({ code: 'dataShapeMismatch' }),
    );
  });

  test('accepts a single class when that is permitted', () => {
    const examples = { ...sample, targets: Int32Array.of(2, 2, 2) };
    expect(() => checkExamples(examples, { ...expected, allowSingleClass: true })).not.toThrow();
  });

  test('takes tokens, and labels to be ignored beside those of classes', () => {
    const tokens = { ...sample, features: Int32Array.of(1, 2, 3, 4, 5, 6) };
    expect(() => checkExamples(tokens, { ...expected, inputType: 'int32' })).not.toThrow();
    const ignored = { ...sample, targets: Int32Array.of(0, -100, 1) };
    expect(() => checkExamples(ignored, { ...expected, ignoredLabel: -100 })).not.toThrow();
    const ofClass = { ...sample, targets: Int32Array.of(0, 2, 1) };
    expect(() => checkExamples(ofClass, { ...expected, ignoredLabel: 2 })).not.toThrow();
  });

  test('a label of a sequence is found in its example', () => {
    const targets = Int32Array.of(0, 1, 2, 3, 0, 1);
    const sequences = { ...sample, targetShape: [2], targets };
    const asked = { ...expected, targetShape: [2] };
    expect(() => checkExamples(sequences, asked)).toThrow(/label of example 1/);
    expect(() =>
      checkExamples({ ...sequences, targets: targets.with(3, 2) as Int32Array }, asked),
    ).not.toThrow();
  });

  test('a message names the place of a fault but not the value', () => {
    const examples = { ...sample, targets: Int32Array.of(0, 4711, 1) };
    expect(() => checkExamples(examples, expected)).toThrow(/example 1/);
    expect(() => checkExamples(examples, expected)).not.toThrow(/4711/);
  });
});
