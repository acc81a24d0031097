/**
 * Einsum, written as products. Two operands at a time: axes that only one of them has and that nobody needs are summed
 * away; then, of the axes that both have, those that stay are a stack of matrices, those that go are contracted, and
 * the axes of one operand are the rows or the columns. Without contraction it is a broadcast product.
 */
import { stringAttribute } from '../attribute.ts';
import type { Value } from '../graph.ts';
import type { GraphBuilder } from '../graph-builder.ts';
import { axisLength, elementCount } from '../tensor-type.ts';
import { parseEquation } from './einsum-equation.ts';
import type { LoweringQuery } from './lowering-rule.ts';

/** A value whose axes have names. */
interface Operand {
  readonly value: Value;
  readonly labels: readonly string[];
}

function einsum(query: LoweringQuery): Value {
  const { g, attributes, inputs, input, fail } = query;
  const values = inputs.map((_, index) => input(index));
  for (const { dtype } of values)
    if (dtype !== 'float32') fail(`element type ${dtype} where float32 is needed`);
  const text = stringAttribute(attributes, 'equation', '');
  const ranks = values.map(({ shape }) => shape.length);
  const equation = parseEquation(text, ranks);
  if (typeof equation === 'string') return fail(`equation ${JSON.stringify(text.slice(0, 80))}: ${equation}`);

  const lengths = new Map<string, number>();
  const given = values.map((value, index) => ({ value, labels: equation.operands[index] ?? [] }));
  for (const { value, labels } of given)
    labels.forEach((label, axis) => {
      const length = axisLength(value.shape, axis);
      const known = lengths.get(label) ?? 1;
      if (known !== 1 && length !== 1 && known !== length) fail(`axis ${label} is ${known} and ${length}`);
      lengths.set(label, known === 1 ? length : known);
    });
  const [first, ...rest] = given.map((operand) => withoutRepeated(g, operand, lengths));
  if (!first) return fail('no operands');
  const { output } = equation;
  const product = rest.reduce((left, right, index) => {
    const needed = new Set([...output, ...rest.slice(index + 1).flatMap(({ labels }) => labels)]);
    return multiply(g, left, right, { needed, output });
  }, first);
  return arranged(g, summed(g, product, new Set(output)), output).value;
}

/** An axis of length 1 that is longer elsewhere is repeated there: an operand without it means the same. */
function withoutRepeated(
  g: GraphBuilder,
  { value, labels }: Operand,
  lengths: ReadonlyMap<string, number>,
): Operand {
  const isRepeated = (axis: number) => value.shape[axis] === 1 && lengths.get(labels[axis] ?? '') !== 1;
  return {
    value: g.reshape(
      value,
      value.shape.filter((_, axis) => !isRepeated(axis)),
    ),
    labels: labels.filter((_, axis) => !isRepeated(axis)),
  };
}

/** Sums over all axes but these. */
function summed(g: GraphBuilder, { value, labels }: Operand, needed: ReadonlySet<string>): Operand {
  const axes = [...labels.keys()].filter((axis) => !needed.has(labels[axis] ?? ''));
  if (axes.length === 0) return { value, labels };
  const kept = labels.filter((label) => needed.has(label));
  return { value: g.reduce('ReduceSum', value, axes, false), labels: kept };
}

/** The same axes in another order. */
function arranged(g: GraphBuilder, { value, labels }: Operand, order: readonly string[]): Operand {
  const axes = order.map((label) => labels.indexOf(label));
  const isSame = axes.every((axis, place) => axis === place);
  return { value: isSame ? value : g.transpose(value, axes), labels: order };
}

interface Wanted {
  /** Axes that the result or operands to come have. */
  readonly needed: ReadonlySet<string>;
  readonly output: readonly string[];
}

function multiply(g: GraphBuilder, left: Operand, right: Operand, { needed, output }: Wanted): Operand {
  const a = summed(g, left, new Set([...needed, ...right.labels]));
  const b = summed(g, right, new Set([...needed, ...left.labels]));
  const shared = a.labels.filter((label) => b.labels.includes(label));
  const contracted = shared.filter((label) => !needed.has(label));
  const rows = a.labels.filter((label) => !shared.includes(label));
  const columns = b.labels.filter((label) => !shared.includes(label));
  if (contracted.length === 0 || rows.length + columns.length === 0)
    return summed(g, broadcastProduct(g, a, b, output), needed);
  const place = (label: string) => output.indexOf(label);
  const stack = shared.filter((label) => needed.has(label)).sort((x, y) => place(x) - place(y));
  const value =
    stack.length === 0
      ? matrixProduct(g, matrix(g, a, rows, contracted), matrix(g, b, contracted, columns))
      : g.apply('MatMul', [
          merged(g, a, [stack, rows, contracted]).value,
          merged(g, b, [stack, contracted, columns]).value,
        ]);
  const labels = [...stack, ...rows, ...columns];
  const lengths = labels.map((label) => lengthOf(a, label) ?? lengthOf(b, label) ?? 1);
  return { value: g.reshape(value, lengths), labels };
}

function lengthOf({ value, labels }: Operand, label: string): number | undefined {
  return value.shape[labels.indexOf(label)];
}

/** Element by element, each operand repeated along the axes that it lacks. */
function broadcastProduct(g: GraphBuilder, a: Operand, b: Operand, output: readonly string[]): Operand {
  const place = (label: string) => (output.includes(label) ? output.indexOf(label) : output.length);
  const order = [...new Set([...a.labels, ...b.labels])].sort((x, y) => place(x) - place(y));
  const [left, right] = [a, b].map((operand) => {
    const own = order.filter((label) => operand.labels.includes(label));
    const { value } = arranged(g, operand, own);
    return g.reshape(
      value,
      order.map((label) => lengthOf(operand, label) ?? 1),
    );
  });
  if (!left || !right) throw new Error('unreachable');
  return { value: g.mul(left, right), labels: order };
}

/** One axis for each group of axes. */
function merged(g: GraphBuilder, operand: Operand, groups: readonly (readonly string[])[]): Operand {
  const { value } = arranged(g, operand, groups.flat());
  const lengths = groups.map((group) => elementCount(group.map((label) => lengthOf(operand, label) ?? 1)));
  return { value: g.reshape(value, lengths), labels: [] };
}

interface Matrix {
  readonly value: Value;
  /** Whether it lies with rows and columns exchanged, which Gemm does not mind. */
  readonly isTransposed: boolean;
}

function matrix(
  g: GraphBuilder,
  operand: Operand,
  rows: readonly string[],
  columns: readonly string[],
): Matrix {
  const lies = [...columns, ...rows];
  const isTransposed = operand.labels.every((label, axis) => label === lies[axis]);
  return { value: merged(g, operand, isTransposed ? [columns, rows] : [rows, columns]).value, isTransposed };
}

function matrixProduct(g: GraphBuilder, a: Matrix, b: Matrix): Value {
  return g.gemm(a.value, b.value, { transA: a.isTransposed, transB: b.isTransposed });
}

export const EINSUM_LOWERINGS = { Einsum: einsum };
