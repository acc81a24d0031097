/**
 * What folding is: computing a node when the graph is built, because all of its inputs are known. Compiled bytes are
 * the same on every machine, so a rule computes only what is the same on every machine to the bit: what arranges
 * elements, integers, comparisons, and those float32 operations whose result IEEE 754 defines by correct rounding.
 */
import type { Attributes } from '../attribute.ts';
import { type Constant, elementCount, type TensorType } from '../tensor-type.ts';

export interface FoldingQuery {
  /** undefined where an optional input is left out; all others are known. */
  readonly inputs: readonly (Constant | undefined)[];
  readonly attributes: Attributes;
  /** What shape inference says; the inputs have passed it. */
  readonly outputs: readonly TensorType[];
}

/** One constant per output; undefined where the result is not certain to the bit and has to be left to run time. */
export type FoldingRule = (query: FoldingQuery) => readonly Constant[] | undefined;

/** Input number `index`, which shape inference has found to be there. */
export function known({ inputs }: FoldingQuery, index: number): Constant {
  const constant = inputs[index];
  if (!constant) throw new RangeError(`input ${index} is missing`);
  return constant;
}

/** A constant of this type whose elements are zeros, to be filled by whoever made it. */
export function blank({ dtype, shape }: TensorType): Constant {
  const count = elementCount(shape);
  switch (dtype) {
    case 'float32':
      return { dtype, shape, data: new Float32Array(count) };
    case 'int32':
      return { dtype, shape, data: new Int32Array(count) };
    case 'int64':
      return { dtype, shape, data: new BigInt64Array(count) };
    case 'bool':
      return { dtype, shape, data: new Uint8Array(count) };
    default:
      dtype satisfies never;
      throw new Error('unreachable');
  }
}

/**
 * Copies element `from` of one constant to element `to` of another of the same type. Floats go as bits: a NaN that
 * passes through a number may come out as another one.
 */
export function elementCopier(target: Constant): (source: Constant, from: number, to: number) => void {
  const into = wordsOf(target);
  const words = new Map<Constant, ReturnType<typeof wordsOf>>();
  return (source, from, to) => {
    let of = words.get(source);
    if (!of) {
      of = wordsOf(source);
      words.set(source, of);
    }
    if (into instanceof BigInt64Array && of instanceof BigInt64Array) into[to] = of[from] ?? 0n;
    else if (!(into instanceof BigInt64Array) && !(of instanceof BigInt64Array)) into[to] = of[from] ?? 0;
  };
}

function wordsOf({ data }: Constant): Int32Array | BigInt64Array | Uint8Array {
  if (!(data instanceof Float32Array)) return data;
  return new Int32Array(data.buffer, data.byteOffset, data.length);
}
