/**
 * Constants all of whose elements are the same.
 */
import { blank } from '../folding/folding-rule.ts';
import { type Constant, elementCount } from '../tensor-type.ts';

/** Largest constant of which all elements are looked at. */
const MAX_LOOKED_AT = 1_048_576;

/** What all elements of a constant are, to the bit; undefined where they differ, are none or no numbers. */
export function onlyElement(constant: Constant): number | bigint | undefined {
  if (elementCount(constant.shape) > MAX_LOOKED_AT) return undefined;
  const { data } = constant;
  const [first] = data;
  if (first === undefined || Number.isNaN(first)) return undefined;
  return data.every((value: number | bigint) => Object.is(value, first)) ? first : undefined;
}

/** One such element, of the type of the constant. */
export function scalarOf({ dtype }: Constant, element: number | bigint): Constant {
  const result = blank({ dtype, shape: [] });
  if (result.data instanceof BigInt64Array) result.data[0] = BigInt(element);
  else result.data[0] = Number(element);
  return result;
}
