/**
 * What a case of an operator is, and cases that are alike for many operators.
 */
import type { Attributes } from '../../../../client/graph/attribute.ts';
import type { Value } from '../../../../client/graph/graph.ts';
import type { GraphBuilder } from '../../../../client/graph/graph-builder.ts';
import type { Operator } from '../../../../client/graph/shapes/shape-rules.ts';

export interface OperatorCase {
  readonly name: string;
  readonly op: Operator;
  /** Shapes of the float inputs. */
  readonly inputs: readonly (readonly number[])[];
  /** Where the inputs are drawn from; away from poles and kinks. */
  readonly range: readonly [from: number, to: number];
  build(g: GraphBuilder, inputs: readonly Value[]): Value;
}

type Range = readonly [from: number, to: number];

/** The operator on one matrix. */
export function unary(op: Operator, range: Range = [-2, 2], attributes: Attributes = {}): OperatorCase {
  const given = Object.keys(attributes).join(' and ');
  const name = given === '' ? op : `${op}, ${given} given`;
  return { name, op, inputs: [[2, 3]], range, build: (g, inputs) => g.apply(op, inputs, attributes) };
}

/** The operator on two inputs, in all ways in which they broadcast. */
export function binary(op: Operator, range: Range = [-2, 2]): OperatorCase[] {
  const shapes: [string, number[], number[]][] = [
    ['same shape', [2, 3], [2, 3]],
    ['row', [2, 3], [3]],
    ['column', [2, 1], [2, 3]],
    ['scalar', [], [2, 3]],
    ['both broadcast', [2, 1, 3], [4, 1]],
  ];
  return shapes.map(([how, a, b]) => ({
    name: `${op}, ${how}`,
    op,
    inputs: [a, b],
    range,
    build: (g, inputs) => g.apply(op, inputs),
  }));
}

/** A case of its own kind, on inputs between -2 and 2 unless a range is given. */
export function special(
  op: Operator,
  how: string,
  inputs: readonly (readonly number[])[],
  build: (g: GraphBuilder, inputs: Value[]) => Value,
  range: Range = [-2, 2],
): OperatorCase {
  return { name: `${op}, ${how}`, op, inputs, range, build: (g, values) => build(g, [...values]) };
}
