/**
 * All that is wrong with a file that a person wrote, by its schema, each fault with its place and a word of advice.
 */
import type { TSchema } from 'typebox';
import {
  expectedOf,
  type SchemaFault,
  type SchemaShape,
  schemaFaults,
} from '../../protocol/schema-faults.ts';
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
  const sections = sectionsOf(schema);
  return Array.from(schemaFaults(schema, value), (fault) => ({
    pointer: fault.path.reduce<string>((place, step) => pointerTo(place, String(step).slice(0, 40)), ''),
    reason: reasonOf(fault, sections),
  }));
}

/** Where each key belongs, by its name. */
type Sections = ReadonlyMap<string, string>;

function reasonOf(fault: SchemaFault, sections: Sections): string {
  switch (fault.type) {
    case 'missing':
      return 'is missing';
    case 'unknown':
      return `is no key of this file${advice(fault, sections)}`;
    case 'unfit':
      return expectedBy(fault);
    default:
      fault.type satisfies never;
      throw new Error('unreachable');
  }
}

/** @param path to a key that is none of the file */
function advice({ path, schema, value }: SchemaFault, sections: Sections): string {
  const key = String(path.at(-1));
  const { properties = {} }: SchemaShape = schema;
  const free = Object.keys(properties).filter((name) => !Object.hasOwn(value as object, name));
  const here = nearestName(key, free);
  if (here !== undefined) return `; did you mean ${here}?`;
  const elsewhere = sections.get(key);
  return elsewhere === undefined ? '' : `; it belongs into ${elsewhere}`;
}

function sectionsOf(schema: TSchema, section = 'the top level', found = new Map<string, string>()): Sections {
  const { properties = {}, items }: SchemaShape = schema;
  if (items) sectionsOf(items, section, found);
  for (const [key, member] of Object.entries(properties)) {
    if (!found.has(key)) found.set(key, section);
    sectionsOf(member, key, found);
  }
  return found;
}

function expectedBy(fault: SchemaFault): string {
  const { schema, value } = fault;
  const { anyOf, type, description }: SchemaShape = schema;
  if (anyOf) {
    const names = anyOf.map(nameOf);
    const meant = typeof value === 'string' ? nearestName(value, names) : undefined;
    return `must be ${names.join(' or ')}${meant === undefined ? '' : `; did you mean ${meant}?`}`;
  }
  const isBareNumber = type === 'string' && typeof value !== 'string' && typeof value !== 'object';
  if (isBareNumber) return 'must be text: put it in quotes';
  const message = expectedOf(fault);
  return description !== undefined && message.includes('pattern')
    ? `must be of the form: ${description}`
    : message;
}

/** An alternative in a word. */
function nameOf(alternative: TSchema): string {
  const { const: constant, description, type }: SchemaShape = alternative;
  return constant === undefined ? (description ?? type ?? 'another schema') : String(constant);
}
