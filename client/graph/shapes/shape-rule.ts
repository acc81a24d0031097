/**
 * Shape inference of one operator: from the types of its inputs to those of its outputs. ONNX operator
 * specifications, opset 20. A rule is also the only check an imported node gets, so it refuses whatever it
 * does not understand; inputs and attributes are attacker-controlled.
 */
import { type Attributes, intAttribute } from '../attribute.ts';
import {
  broadcastShapes,
  type Constant,
  constantIntegers,
  constantPositions,
  type DType,
  elementCount,
  type Shape,
  type TensorType,
} from '../tensor-type.ts';

export interface ShapeQuery {
  readonly inputs: readonly (TensorType | undefined)[];
  readonly attributes: Attributes;
  /** The elements of an input where they are known. */
  constantInput(index: number): Constant | undefined;
  /** Throws `graphMalformed` with the node's name in front of the reason. */
  fail(reason: string): never;
}

/** The type of the output; a list where the operator has several. */
export type ShapeRule = (query: ShapeQuery) => TensorType | readonly TensorType[];

/** Input number `index`; refuses where it is left out. */
export function requiredInput(query: ShapeQuery, index: number): TensorType {
  return query.inputs[index] ?? query.fail(`input ${index} is missing`);
}

/** Refuses more inputs than the operator has. */
export function atMostInputs(query: ShapeQuery, count: number): void {
  if (query.inputs.length > count) query.fail(`${query.inputs.length} inputs where ${count} are possible`);
}

/** Refuses an input of another element type. */
export function expectType(query: ShapeQuery, value: TensorType, dtype: DType): void {
  if (value.dtype !== dtype) query.fail(`element type ${value.dtype} where ${dtype} is needed`);
}

/** The same value; refuses an element type that is not among these. */
export function expectOneOf(query: ShapeQuery, value: TensorType, dtypes: readonly DType[]): TensorType {
  if (!dtypes.includes(value.dtype))
    query.fail(`element type ${value.dtype} where ${dtypes.join(' or ')} is needed`);
  return value;
}

/** The common shape of the inputs; refuses inputs that do not broadcast. */
export function broadcast(query: ShapeQuery, values: readonly TensorType[]): Shape {
  const shapes = values.map((value) => value.shape);
  return (
    broadcastShapes(shapes) ??
    query.fail(`shapes ${shapes.map((shape) => `[${shape}]`).join(' and ')} do not match`)
  );
}

/** Longest list of axes or lengths; far beyond the rank of any tensor, and short enough for loops over loops. */
const MAX_INTEGERS = 64;

/**
 * The integers of a constant input, undefined where the input is left out; refuses what is computed at run time and
 * lists that are no axes or lengths.
 */
export function integersInput(
  query: ShapeQuery,
  index: number,
  most: number = MAX_INTEGERS,
): number[] | undefined {
  const constant = listInput(query, index, most);
  return constant && (constantIntegers(constant) ?? query.fail(`input ${index} must hold integers`));
}

/** The same for positions in an axis, of which those beyond 2^53 say "as far as there is" and become that. */
export function positionsInput(query: ShapeQuery, index: number): number[] | undefined {
  const constant = listInput(query, index, MAX_INTEGERS);
  return constant && (constantPositions(constant) ?? query.fail(`input ${index} must hold integers`));
}

function listInput(query: ShapeQuery, index: number, most: number): Constant | undefined {
  if (query.inputs[index] === undefined) return undefined;
  const constant = query.constantInput(index);
  if (constant === undefined) return query.fail(`input ${index} must be a constant`);
  if (elementCount(constant.shape) > most || constant.shape.length > 1)
    return query.fail(`input ${index} is a list of ${elementCount(constant.shape)}`);
  return constant;
}

/** The axis that an attribute names, counted from the start; refuses one that does not exist. */
export function axisAttribute(query: ShapeQuery, rank: number, otherwise: number): number {
  const asked = intAttribute(query.attributes, 'axis', otherwise);
  const axis = asked < 0 ? asked + rank : asked;
  return axis >= 0 && axis < rank ? axis : query.fail(`axis ${asked} of ${rank} axes`);
}
