import fc from 'fast-check';
import { Type } from 'typebox';
import { expect, test } from 'vitest';
import { configFaults } from '../../../client/config/config-faults.ts';
import { parse } from '../../../protocol/parse.ts';

const closed = { additionalProperties: false };
const Form = Type.Object(
  {
    name: Type.String({ minLength: 1 }),
    color: Type.Optional(Type.Union([Type.Literal('red'), Type.Literal('green')])),
    code: Type.Optional(Type.String({ pattern: '^[a-z]{2}$', description: 'two letters' })),
    parts: Type.Optional(
      Type.Array(Type.Object({ width: Type.Integer({ minimum: 1 }) }, closed), { minItems: 1, maxItems: 3 }),
    ),
  },
  closed,
);

test('every fault, with its place and advice, and never the value', () => {
  const value = {
    name: 7,
    colour: 'secret',
    color: 'gren',
    code: 'secret',
    width: 4,
    parts: [{ width: 2 }, { widht: 'secret' }, { width: 0, other: 1 }],
  };
  expect(configFaults(Form, value)).toEqual([
    { pointer: '/name', reason: 'must be text: put it in quotes' },
    { pointer: '/colour', reason: 'is no key of this file' },
    { pointer: '/color', reason: 'must be red or green; did you mean green?' },
    { pointer: '/code', reason: 'must be of the form: two letters' },
    { pointer: '/width', reason: 'is no key of this file; it belongs into parts' },
    { pointer: '/parts/1/widht', reason: 'is no key of this file; did you mean width?' },
    { pointer: '/parts/1/width', reason: 'is missing' },
    { pointer: '/parts/2/width', reason: expect.stringContaining('1') },
    { pointer: '/parts/2/other', reason: 'is no key of this file' },
  ]);
  expect(JSON.stringify(configFaults(Form, value))).not.toContain('secret');
  expect(configFaults(Form, { name: 'x', colour: 'red' })).toEqual([
    { pointer: '/colour', reason: 'is no key of this file; did you mean color?' },
  ]);
  expect(configFaults(Form, { name: 'x', parts: [] })).toMatchObject([{ pointer: '/parts' }]);
  expect(configFaults(Form, null)).toMatchObject([{ pointer: '' }]);
  expect(configFaults(Form, [])).toMatchObject([{ pointer: '' }]);
});

test('no faults exactly where the schema holds', () => {
  const part = fc.record(
    { width: fc.constantFrom(0, 1, 2, '3', null), more: fc.nat() },
    { requiredKeys: [] },
  );
  const value = fc.record(
    {
      name: fc.constantFrom('', 'x', 'y', null),
      color: fc.constantFrom('red', 'green', 4),
      code: fc.constantFrom('ab', 'cd', {}),
      parts: fc.oneof(fc.array(part, { maxLength: 4 }), fc.constant('none')),
    },
    { requiredKeys: ['name'] },
  );
  let right = 0;
  fc.assert(
    fc.property(value, (given) => {
      let isRight = true;
      try {
        parse(Form, given, 'form');
      } catch {
        isRight = false;
      }
      if (isRight) right += 1;
      expect(configFaults(Form, given).length === 0).toBe(isRight);
    }),
    { numRuns: 500, seed: 1 },
  );
  expect(right).toBeGreaterThan(5);
});
