/**
 * The examples of one participant, as training reads them: two flat arrays and their shapes.
 *
 * Every source (IDX, CSV, a packaged data set) ends here, and everything behind this point - batches, training,
 * evaluation - knows no other form. Checks are made once, before the first training step, and their messages name
 * places and shapes but never values: a message may travel to a log that others read.
 */
import { HanseError } from '../../protocol/problem.ts';
import {
  type BorderArray,
  type BorderType,
  newBorderArray,
  requireBorderType,
} from '../graph/border-array.ts';
import { elementCount } from '../graph/tensor-type.ts';

export interface Examples {
  /** For people: a file, or a data set and its part. */
  readonly name: string;
  readonly count: number;
  /** Shape of one example, without the batch axis. */
  readonly inputShape: readonly number[];
  /** [count, ...inputShape], row-major. Int32Array holds tokens: indices into a vocabulary. */
  readonly features: BorderArray;
  /** Shape of one target; [] for class labels. */
  readonly targetShape: readonly number[];
  /** [count, ...targetShape], row-major. Int32Array holds class labels, Float32Array holds numbers. */
  readonly targets: BorderArray;
  /** [count], whose example it is: 0..P-1 for P persons, each of whom has one. Absent: nobody said. */
  readonly persons?: Uint32Array;
  /** Where they come from a table: what its columns are called, in the order of the features. */
  readonly columns?: ColumnNames;
}

/** As the owner has declared them. */
export interface ColumnNames {
  readonly features: readonly string[];
  readonly target: string;
  /** Of the target, where its values are names: label i stands for the i-th. */
  readonly classes?: readonly string[];
}

/** Examples without tokens. */
export interface FloatExamples extends Examples {
  readonly features: Float32Array;
}

/** What a model asks of the examples it is trained or evaluated on. */
export interface ExamplesExpected {
  readonly inputShape: readonly number[];
  /** float32 unless said. */
  readonly inputType?: BorderType;
  readonly targetType: BorderType;
  /** Shape of one target; [] unless said. */
  readonly targetShape?: readonly number[];
  /** Labels must lie in 0..classes-1. Only for int32 targets. */
  readonly classes?: number;
  /** A label that may stand beside those, for what is not to be learnt. */
  readonly ignoredLabel?: number;
  /** Least and greatest value of a target. Only for float32 targets. */
  readonly targetRange?: readonly [least: number, greatest: number];
  /** Accepts labels that are all the same. */
  readonly allowSingleClass: boolean;
}

/**
 * The examples at the given indices, in that order, copied. An index may occur twice.
 * Throws RangeError for an index outside 0..count-1.
 */
export function selectExamples(examples: Examples, indices: Uint32Array): Examples {
  const { features, targets } = examples;
  const featureSize = elementCount(examples.inputShape);
  const targetSize = elementCount(examples.targetShape);
  const count = indices.length;
  const selectedFeatures = emptyLike(features, count * featureSize);
  const selectedTargets = emptyLike(targets, count * targetSize);
  for (const [position, index] of indices.entries()) {
    if (index >= examples.count) throw new RangeError(`index ${index} of ${examples.count} examples`);
    const row = features.subarray(index * featureSize, (index + 1) * featureSize);
    selectedFeatures.set(row, position * featureSize);
    const target = targets.subarray(index * targetSize, (index + 1) * targetSize);
    selectedTargets.set(target, position * targetSize);
  }
  const { persons, ...rest } = examples;
  return {
    ...{ ...rest, count, features: selectedFeatures, targets: selectedTargets },
    ...(persons && { persons: personsAt(persons, indices) }),
  };
}

/** Numbered anew, so that there is nobody without an example. */
function personsAt(persons: Uint32Array, indices: Uint32Array): Uint32Array {
  const numbers = new Map<number, number>();
  return indices.map((index) => {
    const person = persons[index] as number;
    const number = numbers.get(person) ?? numbers.size;
    numbers.set(person, number);
    return number;
  });
}

function emptyLike(values: BorderArray, length: number): BorderArray {
  return newBorderArray(values instanceof Int32Array ? 'int32' : 'float32', length);
}

/**
 * Makes sure that a model can be trained on these examples.
 *
 * Throws `dataEmpty` (also where every label is ignored), `dataShapeMismatch` (shapes, types, targets out of range),
 * `dataMalformed` (a value that is not finite, an array of another length than its shape) and `dataSingleClass`.
 */
export function checkExamples(examples: Examples, expected: ExamplesExpected): void {
  if (examples.count === 0) throw new HanseError('dataEmpty', { source: examples.name });
  checkInputShape(examples.inputShape, expected.inputShape);
  checkShape('target', examples.targetShape, expected.targetShape ?? []);
  requireBorderType('features', examples.features, expected.inputType ?? 'float32');
  requireBorderType('targets', examples.targets, expected.targetType);
  checkValues(examples, 'features', examples.features, elementCount(examples.inputShape));
  checkValues(examples, 'targets', examples.targets, elementCount(examples.targetShape));
  if (examples.targets instanceof Int32Array) checkLabels(examples, examples.targets, expected);
  else if (expected.targetRange) checkRange(examples.targets, examples.count, expected.targetRange);
}

/**
 * Throws `dataShapeMismatch` unless a model that takes examples of one shape can take those of another.
 *
 * A model may see an example as a list, or with axes of length 1 more or less: an image as pixels, rows or channels.
 * The order of the values is the same in each of these.
 */
export function checkInputShape(got: readonly number[], expected: readonly number[]): void {
  const [gotAxes, expectedAxes] = [withoutOnes(got), withoutOnes(expected)];
  const isList = gotAxes.length <= 1 || expectedAxes.length <= 1;
  if (!isList || elementCount(got) !== elementCount(expected)) checkShape('input', gotAxes, expectedAxes);
}

function withoutOnes(shape: readonly number[]): number[] {
  return shape.filter((length) => length !== 1);
}

function checkShape(what: string, got: readonly number[], expected: readonly number[]): void {
  if (got.length === expected.length && got.every((size, axis) => size === expected[axis])) return;
  throw new HanseError('dataShapeMismatch', {
    what: `shape of one ${what}`,
    expected: `[${expected.join(', ')}]`,
    got: `[${got.join(', ')}]`,
  });
}

function checkValues(examples: Examples, what: string, values: BorderArray, size: number): void {
  if (values.length !== examples.count * size) {
    throw new HanseError('dataMalformed', {
      file: examples.name,
      reason: `${values.length} ${what} for ${examples.count} examples of ${size}`,
    });
  }
  if (values instanceof Int32Array) return;
  for (let i = 0; i < values.length; i += 1) {
    if (Number.isFinite(values[i])) continue;
    throw new HanseError('dataMalformed', {
      file: examples.name,
      reason: `${what} of example ${Math.floor(i / size)} are not all finite`,
    });
  }
}

function checkRange(
  targets: Float32Array,
  count: number,
  [least, greatest]: readonly [number, number],
): void {
  const at = targets.findIndex((target) => target < least || target > greatest);
  if (at < 0) return;
  throw new HanseError('dataShapeMismatch', {
    what: `target of example ${Math.floor((at * count) / targets.length)}`,
    expected: `${least} to ${greatest}`,
    got: 'a number outside this range',
  });
}

function checkLabels(
  { name: source, count }: Examples,
  labels: Int32Array,
  expected: ExamplesExpected,
): void {
  const { classes, ignoredLabel } = expected;
  let first: number | undefined;
  let different = false;
  for (const [index, label] of labels.entries()) {
    if (label === ignoredLabel) continue;
    if (label < 0 || (classes !== undefined && label >= classes)) {
      throw new HanseError('dataShapeMismatch', {
        what: `label of example ${Math.floor((index * count) / labels.length)}`,
        expected: classes === undefined ? 'at least 0' : `0 to ${classes - 1}`,
        got: 'a label outside this range',
      });
    }
    first ??= label;
    if (label !== first) different = true;
  }
  if (first === undefined) throw new HanseError('dataEmpty', { source });
  if (!different && !expected.allowSingleClass) {
    throw new HanseError('dataSingleClass', { source, label: first });
  }
}
