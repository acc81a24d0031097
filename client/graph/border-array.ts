/**
 * Arrays of what crosses the border of a compiled graph: numbers, and integers for labels and tokens.
 */
import { HanseError } from '../../protocol/problem.ts';
import type { TensorSpec } from './compiled.ts';

export type BorderType = TensorSpec['type'];

export type BorderArray = Float32Array | Int32Array;

export function newBorderArray(type: BorderType, length: number): BorderArray {
  return type === 'int32' ? new Int32Array(length) : new Float32Array(length);
}

/** @param what for messages: `features` @throws dataShapeMismatch for values of another type */
export function requireBorderType(what: string, values: BorderArray, expected: BorderType): void {
  const got = values instanceof Int32Array ? 'int32' : 'float32';
  if (got !== expected)
    throw new HanseError('dataShapeMismatch', { what: `type of the ${what}`, expected, got });
}
