/**
 * All that is wrong with a value by its schema, each with its place and a word of advice: for files that people write.
 * `protocol/parse.ts` stops at the first fault, and is for what programs send.
 */
import type { TSchema } from 'typebox';
import { Value } from 'typebox/value';
import type { SchemaShape } from '../../protocol/parse.ts';
import { nearestName } from './nearest-name.ts';
import { pointerTo } from './placed-yaml.ts';

export interface ConfigFault {
  /** JSON pointer. */
  readonly pointer: string;
  /** Never holds the value. */
  readonly reason: string;
}

/** In the order of the value. @param value of JSON, attacker-controlled */
export function configFaults(schema: TSchema, value: unknown): ConfigFault[] {
  return [...faultsAt(schema, value, '', sectionsOf(schema))];
}

type Sections = ReadonlyMap<string, string>;

function* faultsAt(
  schema: TSchema,
  value: unknown,
  pointer: string,
  sections: Sections,
): Iterable<ConfigFault> {
  const shape: SchemaShape = schema;
  if (shape.type === 'object' && isObject(value)) {
    yield* faultsOfObject(shape, value, pointer, sections);
  } else if (shape.type === 'array' && Array.isArray(value) && shape.items) {
    for (const [index, item] of value.entries())
      yield* faultsAt(shape.items, item, pointerTo(pointer, index), sections);
    if (!Value.Check({ ...schema, items: {} } as TSchema, value))
      yield { pointer, reason: messageOf({ ...schema, items: {} } as TSchema, value) };
  } else if (!Value.Check(schema, value)) {
    yield { pointer, reason: reasonOf(schema, value) };
  }
}

function* faultsOfObject(
  { properties = {}, required = [], additionalProperties }: SchemaShape,
  value: Readonly<Record<string, unknown>>,
  pointer: string,
  sections: Sections,
): Iterable<ConfigFault> {
  for (const [key, member] of Object.entries(value)) {
    const place = pointerTo(pointer, key.slice(0, 40));
    const schema = Object.hasOwn(properties, key) ? properties[key] : undefined;
    if (schema) yield* faultsAt(schema, member, place, sections);
    else if (additionalProperties === false)
      yield { pointer: place, reason: `is no key of this file${advice(key, properties, value, sections)}` };
  }
  for (const key of required)
    if (!Object.hasOwn(value, key)) yield { pointer: pointerTo(pointer, key), reason: 'is missing' };
}

function advice(
  key: string,
  properties: Readonly<Record<string, TSchema>>,
  present: Readonly<Record<string, unknown>>,
  sections: Sections,
): string {
  const free = Object.keys(properties).filter((name) => !Object.hasOwn(present, name));
  const here = nearestName(key, free);
  if (here !== undefined) return `; did you mean ${here}?`;
  const elsewhere = sections.get(key);
  return elsewhere === undefined ? '' : `; it belongs into ${elsewhere}`;
}

/** Where each key belongs. */
function sectionsOf(schema: TSchema, section = 'the top level', found = new Map<string, string>()): Sections {
  const { properties = {}, items }: SchemaShape = schema;
  if (items) sectionsOf(items, section, found);
  for (const [key, member] of Object.entries(properties)) {
    if (!found.has(key)) found.set(key, section);
    sectionsOf(member, key, found);
  }
  return found;
}

function reasonOf(schema: TSchema, value: unknown): string {
  const { anyOf, type, description }: SchemaShape = schema;
  if (anyOf) {
    const names = anyOf.map(nameOf);
    const meant = typeof value === 'string' ? nearestName(value, names) : undefined;
    return `must be ${names.join(' or ')}${meant === undefined ? '' : `; did you mean ${meant}?`}`;
  }
  const isBareNumber = type === 'string' && typeof value !== 'string' && typeof value !== 'object';
  if (isBareNumber) return 'must be text: put it in quotes';
  const message = messageOf(schema, value);
  return description !== undefined && message.includes('pattern')
    ? `must be of the form: ${description}`
    : message;
}

function messageOf(schema: TSchema, value: unknown): string {
  return Value.Errors(schema, value)[0]?.message ?? 'must be of its schema';
}

/** An alternative in a word. */
function nameOf(alternative: TSchema): string {
  const { const: constant, description, type }: SchemaShape = alternative;
  return constant === undefined ? (description ?? type ?? 'another schema') : String(constant);
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
