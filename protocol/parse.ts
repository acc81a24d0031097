/**
 * The edge: values from outside become typed values here, or a problem. SPEC.md section 2.2.
 */
import type { Static, TSchema } from 'typebox';
import { Value } from 'typebox/value';
import { HanseError } from './problem.ts';

/** Returns `value` typed by the schema. Throws `invalidFormat` naming the first place that does not fit. */
export function parse<Schema extends TSchema>(schema: Schema, value: unknown, what: string): Static<Schema> {
  if (Value.Check(schema, value)) return value as Static<Schema>;
  const [first] = Value.Errors(schema, value);
  throw new HanseError('invalidFormat', {
    where: `${what}${first?.instancePath ?? ''}`,
    expected: first?.message ?? 'a value of its schema',
  });
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
