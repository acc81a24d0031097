/**
 * Nodes that do nothing, and nodes that do together what one of them can do. Results stay the same to the bit, save
 * for the kind of a NaN, and the sign of a zero that is summed over an axis of one or with zeros around.
 */
import { ints } from '../attribute.ts';
import type { OperatorNode, Value } from '../graph.ts';
import type { Operator } from '../shapes/shape-rules.ts';
import { broadcastShapes, elementCount, sameShape } from '../tensor-type.ts';
import { besideEachOther, flattened } from './join-paddings.ts';
import type { Rewriting } from './rewriting.ts';
import { ends, oneOf, orderOf, type Simplification } from './simplification.ts';
import { transposedFactors, transposedMatrix, transposedProduct } from './turn-products.ts';
import { onlyElement, scalarOf } from './uniform-constant.ts';

/** Values of one shape in the same order of elements. */
const RESHAPING: ReadonlySet<string> = new Set(['Flatten', 'Reshape', 'Squeeze', 'Unsqueeze']);

/** Of an input that repeats elements the operators make what they make of the elements. */
const BROADCASTING = [
  'Add',
  'And',
  'Div',
  'Equal',
  'Greater',
  'GreaterOrEqual',
  'Less',
  'LessOrEqual',
  'Max',
  'Min',
  'Mod',
  'Mul',
  'Or',
  'Pow',
  'Sub',
  'Where',
  'Xor',
] as const;

/** The input where the output has its type: for operators that then do nothing. */
const unchanged: Simplification = (node) => {
  const { input, output } = ends(node);
  return input.dtype === output.dtype && sameShape(input.shape, output.shape) ? input : undefined;
};

/** Everything that keeps the order of the elements is one Reshape of where they come from. */
const reshaped: Simplification = (node, at) => {
  const { input, output } = ends(node);
  let source = input;
  for (;;) {
    const before = at.producer(source);
    const [first] = before?.inputs ?? [];
    if (!before || !first || !RESHAPING.has(before.op)) break;
    source = first;
  }
  if (sameShape(source.shape, output.shape)) return source;
  const isPlain = node.op === 'Reshape' && source === input && sameList(node.inputs[1], output.shape, at);
  return isPlain ? undefined : reshape(node, source, at);
};

/** The node as a Reshape; undefined where a length of 0, which would need an attribute, makes it none. */
function reshape(node: OperatorNode, source: Value, at: Rewriting): OperatorNode | undefined {
  const { output } = ends(node);
  if (output.shape.includes(0)) return undefined;
  return { op: 'Reshape', inputs: [source, at.integers(output.shape)], outputs: [output], attributes: {} };
}

function sameList(value: Value | undefined, list: readonly number[], at: Rewriting): boolean {
  const constant = value && at.constantOf(value);
  return (
    constant !== undefined && sameShape(Array.from<number | bigint, number>(constant.data, Number), list)
  );
}

const transposed: Simplification = (node, at) => {
  const { input, output } = ends(node);
  const order = orderOf(node);
  if (order.every((axis, place) => axis === place)) return input;
  const before = at.producer(input);
  const [first] = before?.inputs ?? [];
  if (before?.op === 'Transpose' && first) {
    const former = orderOf(before);
    const perm = ints(order.map((axis) => former[axis] ?? 0));
    return { ...node, inputs: [first], attributes: { perm } };
  }
  // Where only axes of length 1 move, the elements stay in their order.
  const long = order.filter((axis) => input.shape[axis] !== 1);
  const isStill = long.every((axis, place) => axis > (long[place - 1] ?? -1));
  return isStill && output.shape.length > 0 ? reshape(node, input, at) : undefined;
};

const expanded: Simplification = (node, at) => {
  const { input, output } = ends(node);
  if (sameShape(input.shape, output.shape)) return input;
  if (elementCount(input.shape) === elementCount(output.shape)) return reshape(node, input, at);
  const before = at.producer(input);
  const [first] = before?.inputs ?? [];
  if (before?.op !== 'Expand' || !first) return undefined;
  return { ...node, inputs: [first, at.integers(output.shape)] };
};

/** A reduction of single elements leaves them; a sum or a product of one is that one. */
const reduced: Simplification = (node, at) => {
  const { input, output } = ends(node);
  if (elementCount(input.shape) !== elementCount(output.shape) || output.shape.includes(0)) return undefined;
  return sameShape(input.shape, output.shape) ? input : reshape(node, input, at);
};

/** The one input or the one output of a node that can have several. */
const single: Simplification = (node, at) => {
  const others = node.op === 'Concat' ? node.inputs.length - 1 : node.outputs.length - 1;
  return others === 0 ? unchanged(node, at) : undefined;
};

/** A part that has the shape of the whole, unless it is the whole backwards. */
const sliced: Simplification = (node, at) => {
  const steps = node.inputs[4] && at.constantOf(node.inputs[4]);
  const isForwards = !node.inputs[4] || steps?.data.every((step: number | bigint) => step > 0) === true;
  return isForwards ? unchanged(node, at) : undefined;
};

const padded: Simplification = (node, at) => {
  const pads = node.inputs[1] && at.constantOf(node.inputs[1]);
  const isNothing = pads?.data.every((pad: number | bigint) => Number(pad) === 0) === true;
  return isNothing ? unchanged(node, at) : undefined;
};

const negated: Simplification = (node, at) => {
  const before = at.producer(ends(node).input);
  return before?.op === 'Neg' ? before.inputs[0] : undefined;
};

interface Neutral {
  /** Which operand may be missing. */
  readonly side: 0 | 1;
  isNeutral(value: number | bigint): boolean;
}

/** The operand that stays as it is because of what the other one is. */
function neutral(...sides: readonly Neutral[]): Simplification {
  return (node, at) => {
    const { output } = ends(node);
    for (const { side, isNeutral } of sides) {
      const [operand, other] = [node.inputs[side], node.inputs[1 - side]];
      const constant = operand && at.constantOf(operand);
      if (!constant || !other || !sameShape(other.shape, output.shape)) continue;
      const value = onlyElement(constant);
      if (value !== undefined && isNeutral(value)) return other;
    }
    return undefined;
  };
}

const isOne = (value: number | bigint) => Number(value) === 1;
/** x - 0 is x for every x; x + 0 is not, for x = -0, while x + -0 is. */
const isSubtractedZero = (value: number | bigint) => value === 0n || Object.is(value, 0);
const isAddedZero = (value: number | bigint) => value === 0n || Object.is(value, -0);

/** Nobody has to repeat elements for an operator that repeats them itself. */
const unrepeated: Simplification = (node, at) => {
  const { output } = ends(node);
  const inputs = [...node.inputs];
  node.inputs.forEach((input, index) => {
    const smaller = input && beforeRepetition(input, at);
    if (!smaller) return;
    const shapes = inputs.map((other, place) => (place === index ? smaller : other)?.shape ?? []);
    if (sameShape(broadcastShapes(shapes) ?? [], output.shape)) inputs[index] = smaller;
  });
  return inputs.some((input, index) => input !== node.inputs[index]) ? { ...node, inputs } : undefined;
};

function beforeRepetition(value: Value, at: Rewriting): Value | undefined {
  const before = at.producer(value);
  if (before?.op === 'Expand') return before.inputs[0];
  const constant = elementCount(value.shape) > 1 ? at.constantOf(value) : undefined;
  const element = constant && onlyElement(constant);
  return constant && element !== undefined ? at.constant(scalarOf(constant, element)) : undefined;
}

const SIMPLIFICATIONS: Readonly<Partial<Record<Operator, Simplification>>> = {
  ...Object.fromEntries(BROADCASTING.map((op) => [op, unrepeated])),
  Add: oneOf(
    besideEachOther,
    neutral({ side: 0, isNeutral: isAddedZero }, { side: 1, isNeutral: isAddedZero }),
    unrepeated,
  ),
  Cast: unchanged,
  Concat: oneOf(single, flattened),
  Div: oneOf(neutral({ side: 1, isNeutral: isOne }), unrepeated),
  Expand: expanded,
  Flatten: reshaped,
  Gemm: transposedFactors,
  Identity: unchanged,
  MatMul: transposedMatrix,
  Mul: oneOf(neutral({ side: 0, isNeutral: isOne }, { side: 1, isNeutral: isOne }), unrepeated),
  Neg: negated,
  Pad: padded,
  ReduceMax: reduced,
  ReduceMean: reduced,
  ReduceMin: reduced,
  ReduceProd: reduced,
  ReduceSum: reduced,
  Reshape: reshaped,
  Slice: sliced,
  Split: single,
  Squeeze: reshaped,
  Sub: oneOf(neutral({ side: 1, isNeutral: isSubtractedZero }), unrepeated),
  Transpose: oneOf(transposed, transposedProduct),
  Unsqueeze: reshaped,
};

/** What is simpler than this node and computes the same; undefined where nothing is known. */
export const simpler: Simplification = (node, at) => SIMPLIFICATIONS[node.op]?.(node, at);
