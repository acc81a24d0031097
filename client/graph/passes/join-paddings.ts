/**
 * Sums of tensors with zeros around them, where one begins as the other ends, are the two beside each other. Gradients
 * by parts of a tensor come that way: those by the queries, keys and values that attention takes from one product.
 */
import { int, intAttribute, stringAttribute } from '../attribute.ts';
import type { OperatorNode, Value } from '../graph.ts';
import { axisLength, constantIntegers, sameShape } from '../tensor-type.ts';
import type { Rewriting } from './rewriting.ts';
import { ends, type Simplification } from './simplification.ts';
import { onlyElement } from './uniform-constant.ts';

/** A value with zeros before and after it along one axis. */
interface Padded {
  readonly value: Value;
  readonly axis: number;
  readonly before: number;
  readonly after: number;
}

/** Most inputs of a Concat that others are drawn into. */
const MAX_INPUTS = 256;

function paddedAlongOne(value: Value | undefined, at: Rewriting): Padded | undefined {
  const node = value && at.producer(value);
  if (node?.op !== 'Pad' || stringAttribute(node.attributes, 'mode', 'constant') !== 'constant')
    return undefined;
  const [inner, padsInput, around, axes] = node.inputs;
  const pads = padsInput && at.constantOf(padsInput);
  const lengths = pads && constantIntegers(pads);
  if (!inner || !lengths || axes || (around && !isZero(around, at))) return undefined;
  const rank = inner.shape.length;
  const padded = [...inner.shape.keys()].filter((axis) => lengths[axis] !== 0 || lengths[axis + rank] !== 0);
  const [axis] = padded;
  if (axis === undefined || padded.length > 1 || lengths.some((length) => length < 0)) return undefined;
  return { value: inner, axis, before: lengths[axis] ?? 0, after: lengths[axis + rank] ?? 0 };
}

function isZero(value: Value, at: Rewriting): boolean {
  const constant = at.constantOf(value);
  return constant !== undefined && Number(onlyElement(constant)) === 0;
}

export const besideEachOther: Simplification = (node, at) => {
  const { output } = ends(node);
  const isRepeated = node.inputs.some((input) => !input || !sameShape(input.shape, output.shape));
  const [a, b] = node.inputs.map((input) => paddedAlongOne(input, at));
  if (isRepeated || !a || !b || a.axis !== b.axis) return undefined;
  const [first, second] = a.before < b.before ? [a, b] : [b, a];
  const { axis, before } = first;
  const isWhole =
    axisLength(output.shape, axis) === second.before + axisLength(second.value.shape, axis) + second.after;
  if (!isWhole || before + axisLength(first.value.shape, axis) !== second.before) return undefined;
  const parts = [first.value, second.value];
  const length = parts.reduce((sum, { shape }) => sum + axisLength(shape, axis), 0);
  const shape = output.shape.with(axis, length);
  const both = at.apply('Concat', parts, { axis: int(axis) }, { dtype: output.dtype, shape });
  if (before === 0 && second.after === 0) return both;
  const pads = Array<number>(2 * shape.length).fill(0);
  pads[axis] = before;
  pads[axis + shape.length] = second.after;
  return { op: 'Pad', inputs: [both, at.integers(pads)], outputs: [output], attributes: {} };
};

/** What is laid side by side within what is laid side by side. */
export const flattened: Simplification = (node, at) => {
  const { input } = ends(node);
  const axisOf = ({ attributes }: OperatorNode) => {
    const axis = intAttribute(attributes, 'axis', 0);
    return axis < 0 ? axis + input.shape.length : axis;
  };
  const inputs = node.inputs.flatMap((value) => {
    const inner = value && at.producer(value);
    return inner?.op === 'Concat' && axisOf(inner) === axisOf(node) ? inner.inputs : [value];
  });
  return inputs.length > node.inputs.length && inputs.length <= MAX_INPUTS ? { ...node, inputs } : undefined;
};
