/**
 * What a kernel is: one operator in float64, by its definition in the ONNX operator specifications, opset 20. Slow
 * and obvious. Integers are exact up to 2^53 and do not wrap around; truth values are 0 and 1.
 */
import { type Attributes, intAttribute } from '../attribute.ts';
import type { DType, Shape } from '../tensor-type.ts';
import { mapElements, type NdArray } from './nd-array.ts';

/**
 * @param shape what shape inference says about the first output; views take it as given, all others find their own
 * @param dtype the element type of the first output: integers divide differently
 * @returns the output; a list where the operator has several
 */
export type Kernel = (
  inputs: readonly (NdArray | undefined)[],
  attributes: Attributes,
  shape: Shape,
  dtype: DType,
) => NdArray | readonly NdArray[];

/** An input that the operator cannot do without. Throws RangeError. */
export function present(array: NdArray | undefined): NdArray {
  if (array === undefined) throw new RangeError('an input is missing');
  return array;
}

/** The kernel that applies a function of scalars, with broadcasting. */
export function elementwise(f: (...scalars: number[]) => number): Kernel {
  return (inputs) => mapElements(inputs.map(present), f);
}

/** The axis that an attribute names, counted from the start. */
export function axisOf(attributes: Attributes, rank: number, otherwise: number): number {
  const axis = intAttribute(attributes, 'axis', otherwise);
  return axis < 0 ? axis + rank : axis;
}
