/**
 * The edge: values from outside become typed values here, or a problem. SPEC.md section 2.2.
 *
 * Of TypeBox the checks of plain schemas are used: `typebox/value` and `typebox/compile` end in the same ones, but bring
 * 160 more modules, a tenth of the time in which a node starts.
 */
import type { Static, TSchema } from 'typebox';
import { Check } from 'typebox/schema';
import { checkBy } from '#checks';
import { HanseError, isProblem } from './problem.ts';
import { expectedOf, type SchemaFault, type SchemaShape, schemaFaults, tagsOf } from './schema-faults.ts';

/** Returns `value` typed by the schema. Throws `invalidFormat` naming the first place that does not fit. */
export function parse<Schema extends TSchema>(schema: Schema, value: unknown, what: string): Static<Schema> {
  if (checkOf(schema)(value)) return value as Static<Schema>;
  for (const fault of schemaFaults(schema, value))
    throw new HanseError('invalidFormat', described(fault, what));
  throw new Error('unreachable: what does not fit has a fault');
}

type IsFit = (value: unknown) => boolean;

const checks = new WeakMap<TSchema, IsFit>();
const usedOnce = new WeakSet<TSchema>();

/** Compiled at the second use: many schemas are used once. In a page nothing is compiled: see `#checks`. */
function checkOf(schema: TSchema): IsFit {
  const known = checks.get(schema);
  if (known) return known;
  if (!usedOnce.has(schema)) {
    usedOnce.add(schema);
    return (value) => Check(schema, value);
  }
  const check: IsFit = checkBy(schema);
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

/** Never says the value that is. */
function described(fault: SchemaFault, what: string): { readonly where: string; readonly expected: string } {
  const path = fault.path.map((step) => `/${String(step).slice(0, 40)}`);
  return { where: what + path.join(''), expected: expectedBy(fault) };
}

function expectedBy(fault: SchemaFault): string {
  switch (fault.type) {
    case 'missing':
      return 'must be there';
    case 'unknown':
      return 'must not be there';
    case 'unfit': {
      const { anyOf }: SchemaShape = fault.schema;
      return anyOf ? `must be ${anyOf.map(nameOf).join(' or ')}` : expectedOf(fault);
    }
    default:
      fault.type satisfies never;
      throw new Error('unreachable');
  }
}

/** An alternative of a union in a word. */
function nameOf(alternative: TSchema): string {
  const { const: constant, type }: SchemaShape = alternative;
  if (constant !== undefined) return JSON.stringify(constant);
  const tags = tagsOf(alternative).map(([key, tag]) => `${key} ${JSON.stringify(tag)}`);
  return tags.length > 0 ? `of ${tags.join(', ')}` : (type ?? 'another schema');
}
