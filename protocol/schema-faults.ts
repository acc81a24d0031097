/**
 * What is wrong with a value by its schema, fault by fault, each at the innermost place where it can be told. Programs
 * are told the first one (`parse.ts`), people all that their file has (`client/config/config-faults.ts`).
 */
import type { TSchema } from 'typebox';
import { Check, Errors } from 'typebox/schema';

/** The part of a schema that says where a fault may lie, and what it is there for. */
export interface SchemaShape {
  readonly type?: string;
  readonly anyOf?: readonly TSchema[];
  readonly properties?: Readonly<Record<string, TSchema>>;
  readonly required?: readonly string[];
  readonly additionalProperties?: unknown;
  readonly items?: TSchema;
  readonly const?: unknown;
  readonly description?: string;
}

type Members = Readonly<Record<string, unknown>>;
type Place = readonly (string | number)[];

export interface SchemaFault {
  readonly type: 'missing' | 'unknown' | 'unfit';
  /** Names of members and positions of items that lead from the whole value to the place. Attacker-controlled. */
  readonly path: Place;
  /** Of the place; where a member is missing or unknown, of the object that should have it or should not. */
  readonly schema: TSchema;
  /** Likewise. */
  readonly value: unknown;
}

/**
 * None exactly where the value fits. Of a union it looks into the one alternative whose constant members fit, so that a
 * wrong momentum is not reported as a wrong type.
 * @param value attacker-controlled
 */
export function* schemaFaults(schema: TSchema, value: unknown, path: Place = []): Iterable<SchemaFault> {
  if (Check(schema, value)) return;
  const shape: SchemaShape = schema;
  const [meant, ...others] = (shape.anyOf ?? []).filter((alternative) => isTaggedLike(alternative, value));
  if (meant && others.length === 0) {
    yield* schemaFaults(meant, value, path);
    return;
  }
  let isTold = false;
  for (const fault of isObject(value) ? memberFaults(shape, value, path) : itemFaults(shape, value, path)) {
    isTold = true;
    yield fault;
  }
  if (!isTold) yield { type: 'unfit', path, schema, value };
}

function* memberFaults(shape: SchemaShape, value: Members, path: Place): Iterable<SchemaFault> {
  const { properties = {}, required = [], additionalProperties } = shape;
  const schema = shape as TSchema;
  for (const [key, member] of Object.entries(value)) {
    const expected = Object.hasOwn(properties, key) ? properties[key] : undefined;
    if (expected) yield* schemaFaults(expected, member, [...path, key]);
    else if (additionalProperties === false) yield { type: 'unknown', path: [...path, key], schema, value };
  }
  for (const key of required)
    if (!Object.hasOwn(value, key)) yield { type: 'missing', path: [...path, key], schema, value };
}

function* itemFaults(shape: SchemaShape, value: unknown, path: Place): Iterable<SchemaFault> {
  if (!shape.items || !Array.isArray(value)) return;
  for (const [index, item] of value.entries()) yield* schemaFaults(shape.items, item, [...path, index]);
  const schema = { ...shape, items: {} } as TSchema;
  if (!Check(schema, value)) yield { type: 'unfit', path, schema, value };
}

/** What should be there, in the words of the validator; never the value. */
export function expectedOf({ schema, value }: SchemaFault): string {
  return Errors(schema, value)[1][0]?.message ?? 'must be of its schema';
}

/** Whether both are objects, and the value has the constants by which this alternative is told from the others. */
function isTaggedLike(alternative: TSchema, value: unknown): boolean {
  const { type }: SchemaShape = alternative;
  return (
    type === 'object' && isObject(value) && tagsOf(alternative).every(([key, tag]) => value[key] === tag)
  );
}

/** The constants by which an alternative of a union is told from the others. */
export function tagsOf({ properties = {} }: SchemaShape): (readonly [key: string, tag: unknown])[] {
  return Object.entries(properties)
    .map(([key, schema]) => [key, (schema as SchemaShape).const] as const)
    .filter(([, tag]) => tag !== undefined);
}

function isObject(value: unknown): value is Members {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
