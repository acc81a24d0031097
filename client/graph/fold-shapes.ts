/**
 * Arithmetic on shapes, done when the graph is built.
 *
 * Exporters write `x.view(x.size(0), -1)` as Shape, Gather, Unsqueeze and Concat in front of a Reshape. Once the batch
 * size is known all of that is constant; this folds it, so that it never reaches the compiled graph.
 */
import { type Attributes, intAttribute } from './attribute.ts';
import type { Value } from './graph.ts';
import { type Constant, constantIntegers } from './tensor-type.ts';

/** Operators that exist only to be folded. */
export const FOLDED_OPERATORS = ['Concat', 'Constant', 'Gather', 'Shape'] as const;

/** Longest list of integers that is folded; a shape has as many as there are axes. */
const MAX_INTEGERS = 64;

/** The constant that a node computes, or undefined where it has to be computed at run time. */
export function foldShapes(
  node: { readonly op: string; readonly attributes: Attributes },
  inputs: readonly (Value | undefined)[],
  constantOf: (value: Value) => Constant | undefined,
): Constant | undefined {
  const lists = inputs.map((value) => integerList(value && constantOf(value)));
  const [first, second] = lists;
  switch (node.op) {
    case 'Constant':
      return constantAttribute(node.attributes);
    case 'Shape': {
      const [value] = inputs;
      if (!value) return undefined;
      const start = intAttribute(node.attributes, 'start', 0);
      const end = intAttribute(node.attributes, 'end', value.shape.length);
      return vector(value.shape.slice(start, end));
    }
    case 'Gather': {
      const indices = inputs[1];
      if (!first || !second || !indices || intAttribute(node.attributes, 'axis', 0) !== 0) return undefined;
      const gathered = second.map((index) => first.at(index));
      if (gathered.some((value) => value === undefined)) return undefined;
      const data = BigInt64Array.from(gathered, (value) => BigInt(value ?? 0));
      return { dtype: 'int64', shape: indices.shape, data };
    }
    case 'Concat': {
      if (lists.some((list) => list === undefined) || lists.length > MAX_INTEGERS) return undefined;
      return vector(lists.flatMap((list) => list ?? []));
    }
    case 'Unsqueeze':
      return first && inputs[0]?.shape.length === 0 ? vector(first) : undefined;
    case 'Squeeze':
      return first?.length === 1 ? { ...vector(first), shape: [] } : undefined;
    default:
      return undefined;
  }
}

function vector(values: readonly number[]): Constant & { dtype: 'int64' } {
  return { dtype: 'int64', shape: [values.length], data: BigInt64Array.from(values, BigInt) };
}

/** The integers of a short int64 or int32 constant with at most one axis. */
function integerList(constant: Constant | undefined): number[] | undefined {
  if (!constant || constant.shape.length > 1 || constant.data.length > MAX_INTEGERS) return undefined;
  return constantIntegers(constant);
}

function constantAttribute(attributes: Attributes): Constant | undefined {
  const [attribute] = Object.values(attributes);
  switch (attribute?.kind) {
    case 'tensor':
      return attribute.value;
    case 'int':
      return { ...vector([attribute.value]), shape: [] };
    case 'ints':
      return vector(attribute.value);
    case 'float':
      return { dtype: 'float32', shape: [], data: Float32Array.of(attribute.value) };
    case 'floats': {
      const data = Float32Array.from(attribute.value);
      return { dtype: 'float32', shape: [data.length], data };
    }
    default:
      return undefined;
  }
}
