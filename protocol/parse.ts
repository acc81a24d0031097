/**
 * The edge: values from outside become typed values here, or a problem. SPEC.md section 2.2.
 *
 * Of TypeBox the checks of plain schemas are used: `typebox/value` and `typebox/compile` end in the same ones, but bring
 * 160 more modules, a tenth of the time in which a node starts.
 */
import type { Static, TSchema } from 'typebox';
import { Check, Compile, Errors } from 'typebox/schema';
import { HanseError, isProblem } from './problem.ts';

/** Returns `value` typed by the schema. Throws `invalidFormat` naming the first place that does not fit. */
export function parse<Schema extends TSchema>(schema: Schema, value: unknown, what: string): Static<Schema> {
  if (checkOf(schema)(value)) return value as Static<Schema>;
  throw new HanseError('invalidFormat', findFault(schema, value, what));
}

type IsFit = (value: unknown) => boolean;

const checks = new WeakMap<TSchema, IsFit>();
const usedOnce = new WeakSet<TSchema>();

/** Compiled at the second use: many schemas are used once. Where code may not be compiled, as in a page, it is not. */
function checkOf(schema: TSchema): IsFit {
  const known = checks.get(schema);
  if (known) return known;
  if (!usedOnce.has(schema)) {
    usedOnce.add(schema);
    return (value) => Check(schema, value);
  }
  const compiled = Compile(schema);
  const check: IsFit = (value) => compiled.Check(value);
  checks.set(schema, check);
  return check;
}

/** JSON text to a typed value. Throws `invalidFormat`. */
export function parseJson<Schema extends TSchema>(
  schema: Schema,
  text: string,
  what: string,
): Static<Schema> {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    throw new HanseError('invalidFormat', { where: what, expected: 'JSON' });
  }
  return parse(schema, value, what);
}

/** For values put together from a command line: what does not fit is wrong usage. Throws `usage`. */
export function asUsage<Value>(read: () => Value): Value {
  try {
    return read();
  } catch (cause) {
    if (!isProblem(cause, 'invalidFormat')) throw cause;
    const { where, expected } = cause.detail;
    throw new HanseError('usage', { reason: `${where}: ${expected}` }, { cause });
  }
}

/** A place as a path below `what`, and what should be there. Never the value that is. */
interface Fault {
  readonly where: string;
  readonly expected: string;
}

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

/**
 * The innermost place at which `value`, which does not fit `schema`, goes wrong. Of a union it looks into the one
 * alternative whose constant members fit, so that a wrong momentum is not reported as a wrong type.
 */
function findFault(schema: TSchema, value: unknown, where: string): Fault {
  const shape: SchemaShape = schema;
  if (shape.anyOf) {
    const meant = shape.anyOf.filter((alternative) => isTaggedLike(alternative, value));
    const [only] = meant;
    if (only && meant.length === 1) return findFault(only, value, where);
    return { where, expected: `must be ${shape.anyOf.map(nameOf).join(' or ')}` };
  }
  const fault = isObject(value) ? faultOfMember(shape, value, where) : faultOfItem(shape, value, where);
  return fault ?? { where, expected: Errors(schema, value)[1][0]?.message ?? 'must be of its schema' };
}

function faultOfMember(
  shape: SchemaShape,
  value: Readonly<Record<string, unknown>>,
  where: string,
): Fault | undefined {
  const { properties = {}, required = [], additionalProperties } = shape;
  const missing = required.find((key) => !Object.hasOwn(value, key));
  if (missing !== undefined) return { where: `${where}/${missing}`, expected: 'must be there' };
  for (const [key, member] of Object.entries(value)) {
    const expected = Object.hasOwn(properties, key) ? properties[key] : undefined;
    if (expected && !Check(expected, member)) return findFault(expected, member, `${where}/${key}`);
    if (!expected && additionalProperties === false)
      return { where: `${where}/${key.slice(0, 40)}`, expected: 'must not be there' };
  }
  return undefined;
}

function faultOfItem({ items }: SchemaShape, value: unknown, where: string): Fault | undefined {
  if (!items || !Array.isArray(value)) return undefined;
  const index = value.findIndex((item) => !Check(items, item));
  return index < 0 ? undefined : findFault(items, value[index], `${where}/${index}`);
}

/** Whether both are objects, and the value has the constants by which this alternative is told from the others. */
function isTaggedLike(alternative: TSchema, value: unknown): boolean {
  const { type }: SchemaShape = alternative;
  return (
    type === 'object' && isObject(value) && tagsOf(alternative).every(([key, tag]) => value[key] === tag)
  );
}

function tagsOf({ properties = {} }: SchemaShape): (readonly [key: string, tag: unknown])[] {
  return Object.entries(properties)
    .map(([key, schema]) => [key, (schema as SchemaShape).const] as const)
    .filter(([, tag]) => tag !== undefined);
}

/** An alternative of a union in a word. */
function nameOf(alternative: TSchema): string {
  const { const: constant, type }: SchemaShape = alternative;
  if (constant !== undefined) return JSON.stringify(constant);
  const tags = tagsOf(alternative).map(([key, tag]) => `${key} ${JSON.stringify(tag)}`);
  return tags.length > 0 ? `of ${tags.join(', ')}` : (type ?? 'another schema');
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
