/** How they are told: parse.test.ts, and test/client/config/config-faults.test.ts. */
import fc from 'fast-check';
import { type TSchema, Type } from 'typebox';
import { Check } from 'typebox/schema';
import { describe, expect, test } from 'vitest';
import { expectedOf, schemaFaults } from '../../protocol/schema-faults.ts';

const closed = { additionalProperties: false };
const Circle = Type.Object({ type: Type.Literal('circle'), radius: Type.Number({ minimum: 0 }) }, closed);
const Box = Type.Object(
  { type: Type.Literal('box'), sides: Type.Array(Type.Number(), { maxItems: 2 }) },
  closed,
);
const Drawing = Type.Object(
  {
    shapes: Type.Array(Type.Union([Circle, Box])),
    unit: Type.Union([Type.Literal('mm'), Type.Literal('inch')]),
    names: Type.Optional(Type.Record(Type.String({ pattern: '^[a-z]+$' }), Type.String())),
  },
  closed,
);
const circle = { type: 'circle', radius: 1 };
const drawing = { shapes: [circle, { type: 'box', sides: [1, 2] }], unit: 'mm', names: { a: 'x' } };

const told = (schema: TSchema, value: unknown) =>
  Array.from(schemaFaults(schema, value), ({ type, path }) => `${type} /${path.join('/')}`);

test('every fault, in the order of the value, at the innermost place', () => {
  expect(told(Drawing, drawing)).toEqual([]);
  const value = {
    unit: 'cm',
    more: 1,
    shapes: [
      { ...circle, radius: -1 },
      { type: 'box', radius: 1 },
      { type: 'box', sides: [1, 'x', 3] },
      'line',
    ],
  };
  expect(told(Drawing, value)).toEqual([
    'unfit /unit',
    'unknown /more',
    'unfit /shapes/0/radius',
    'unknown /shapes/1/radius',
    'missing /shapes/1/sides',
    'unfit /shapes/2/sides/1',
    'unfit /shapes/2/sides',
    'unfit /shapes/3',
  ]);
});

test('what is unfit comes with its schema and value; a member with those of its object', () => {
  const value = { type: 'circle', radius: -1, more: 2 };
  const [unfit, unknown] = schemaFaults(Circle, value);
  expect(unfit).toMatchObject({ schema: { type: 'number', minimum: 0 }, value: -1 });
  expect(unfit && expectedOf(unfit)).toBe('must be >= 0');
  expect(unknown).toMatchObject({ path: ['more'], schema: Circle, value });
});

describe('no faults exactly where the schema holds', () => {
  const shape = fc.record(
    {
      type: fc.constantFrom('circle', 'box'),
      radius: fc.constantFrom(1, -1, '1'),
      sides: fc.oneof(fc.array(fc.constantFrom(1, null), { maxLength: 3 }), fc.constant(4)),
    },
    { requiredKeys: [] },
  );
  const any = fc.record(
    {
      shapes: fc.oneof(fc.array(fc.oneof(shape, fc.constant(circle)), { maxLength: 2 }), fc.constant({})),
      unit: fc.constantFrom('mm', 'inch', 'cm'),
      names: fc.constantFrom({}, { a: 'x' }, { A: 'x' }, { a: 1 }),
    },
    { requiredKeys: [], noNullPrototype: true },
  );

  test('for any value', () => {
    let right = 0;
    fc.assert(
      fc.property(fc.oneof(any, fc.anything()), (value) => {
        const isRight = Check(Drawing, value);
        if (isRight) right += 1;
        expect(told(Drawing, value).length === 0).toBe(isRight);
      }),
      { numRuns: 1000, seed: 1 },
    );
    expect(right).toBeGreaterThan(5);
  });
});
