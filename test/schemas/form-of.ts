/**
 * What a schema takes and refuses, as a table: one sound value, and changes of it at one place each.
 */
import type { TSchema } from 'typebox';
import { Value } from 'typebox/value';
import { describe, expect, test } from 'vitest';

/** A place in a value, `cohort.size`; '' is the value itself. */
type Place = string;

export interface FormTable {
  readonly sound: unknown;
  /** Members that may be left out. All others must be there. */
  readonly optional?: readonly Place[];
  /** Objects that take members which the schema does not name. */
  readonly open?: readonly Place[];
  readonly takes?: readonly (readonly [at: Place, value: unknown])[];
  readonly refuses: readonly (readonly [at: Place, value: unknown])[];
}

export function describeForm(name: string, schema: TSchema, table: FormTable): void {
  const { sound, optional = [], open = [], takes = [], refuses } = table;
  const isTaken = (at: Place, value: unknown) => Value.Check(schema, changed(sound, at, value));
  const shown = (value: unknown) => (value === undefined ? 'nothing' : JSON.stringify(value).slice(0, 60));

  describe(name, () => {
    test('takes a sound value', () => {
      expect([...Value.Errors(schema, sound)]).toEqual([]);
    });

    test('needs every member that is not optional', () => {
      const removable = placesOf(sound).filter((at) => at !== '' && isTaken(at, undefined));
      expect(removable.sort()).toEqual([...optional].sort());
    });

    test('takes no member that it does not name', () => {
      const objects = placesOf(sound).filter((at) => isObject(valueAt(sound, at)));
      const extensible = objects.filter((at) => isTaken(at === '' ? 'more' : `${at}.more`, 1));
      expect(extensible.sort()).toEqual([...open].sort());
    });

    if (takes.length > 0)
      test.each(takes.map(([at, value]) => [at, shown(value), value] as const))(
        '%s may be %s',
        (at, _, value) => {
          expect(isTaken(at, value)).toBe(true);
        },
      );

    test.each(refuses.map(([at, value]) => [at, shown(value), value] as const))(
      '%s cannot be %s',
      (at, _, value) => {
        expect(Value.Check(schema, sound)).toBe(true);
        expect(isTaken(at, value)).toBe(false);
      },
    );
  });
}

/** A copy with another value at one place; `undefined` takes the member away. */
function changed(value: unknown, at: Place, to: unknown): unknown {
  if (at === '') return to;
  const copy = structuredClone(value);
  const path = at.split('.');
  const last = path.pop() ?? '';
  const parent = valueAt(copy, path.join('.')) as Record<string, unknown>;
  if (to === undefined) delete parent[last];
  else parent[last] = to;
  return copy;
}

function valueAt(value: unknown, at: Place): unknown {
  if (at === '') return value;
  return at.split('.').reduce((inner, key) => (inner as Record<string, unknown>)[key], value);
}

/** The value itself and every member of every object within; not the items of lists. */
function placesOf(value: unknown, at: Place = ''): Place[] {
  if (!isObject(value)) return [at];
  const members = Object.entries(value);
  return [at, ...members.flatMap(([key, member]) => placesOf(member, at === '' ? key : `${at}.${key}`))];
}

function isObject(value: unknown): value is object {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
