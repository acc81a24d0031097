import { Type } from 'typebox';
import { describe, expect, expectTypeOf, test } from 'vitest';
import { asUsage, parse, parseJson } from '../../protocol/parse.ts';
import { HanseError, isProblem } from '../../protocol/problem.ts';

const closed = { additionalProperties: false };
const Pair = Type.Object(
  { name: Type.String({ minLength: 1 }), sizes: Type.Array(Type.Integer({ minimum: 0 })) },
  closed,
);
const Shape = Type.Union([
  Type.Object({ type: Type.Literal('circle'), radius: Type.Number({ minimum: 0 }) }, closed),
  Type.Object({ type: Type.Literal('box'), sides: Type.Array(Type.Number()) }, closed),
]);
const Drawing = Type.Object({
  shapes: Type.Array(Shape),
  unit: Type.Union([Type.Literal('mm'), Type.Literal('inch')]),
  scale: Type.Union([Type.Number(), Type.Null()]),
  label: Type.Union([Pair, Type.Null()]),
});

const pair = { name: 'a', sizes: [1, 2] };
const circle = { type: 'circle', radius: 1 };
const drawing = { shapes: [circle, { type: 'box', sides: [1, 2] }], unit: 'mm', scale: null, label: null };

/** Where and what was expected, or undefined where the value fits. */
function faultOf(run: () => unknown): readonly [where: string, expected: string] | undefined {
  try {
    run();
    return undefined;
  } catch (error) {
    if (!isProblem(error, 'invalidFormat')) throw error;
    return [error.detail.where, error.detail.expected];
  }
}

describe('parse', () => {
  test('returns the value itself, typed', () => {
    const value: unknown = pair;
    const parsed = parse(Pair, value, 'pair');
    expect(parsed).toBe(value);
    expectTypeOf(parsed).toEqualTypeOf<{ name: string; sizes: number[] }>();
  });

  test.each([
    ['a number out of range', { ...pair, sizes: [1, -2] }, ['pair/sizes/1', 'must be >= 0']],
    ['an empty text', { ...pair, name: '' }, ['pair/name', 'must not have fewer than 1 characters']],
    ['another type', { ...pair, sizes: {} }, ['pair/sizes', 'must be array']],
    ['a member that is missing', { sizes: [] }, ['pair/name', 'must be there']],
    ['a member too many', { ...pair, more: 1 }, ['pair/more', 'must not be there']],
    [
      'a member by the name of what every object has',
      { ...pair, constructor: 1 },
      ['pair/constructor', 'must not be there'],
    ],
    [
      'a member with a very long name',
      { ...pair, ['x'.repeat(99)]: 1 },
      [`pair/${'x'.repeat(40)}`, 'must not be there'],
    ],
    ['nothing', null, ['pair', 'must be object']],
    ['a list', [], ['pair', 'must be object']],
  ])('names the place: %s', (_, value, expected) => {
    expect(faultOf(() => parse(Pair, pair, 'pair'))).toBeUndefined();
    expect(faultOf(() => parse(Pair, value, 'pair'))).toEqual(expected);
  });

  test.each([
    [
      'a fault within the alternative that is meant',
      { shapes: [{ ...circle, radius: -1 }] },
      ['drawing/shapes/0/radius', 'must be >= 0'],
    ],
    [
      'a member of another alternative',
      { shapes: [circle, { type: 'box', sides: [], radius: 1 }] },
      ['drawing/shapes/1/radius', 'must not be there'],
    ],
    [
      'none of the alternatives',
      { shapes: [{ type: 'line' }] },
      ['drawing/shapes/0', 'must be of type "circle" or of type "box"'],
    ],
    ['none of the constants', { unit: 'cm' }, ['drawing/unit', 'must be "mm" or "inch"']],
    [
      'the only alternative that is an object',
      { label: { ...pair, sizes: [0.5] } },
      ['drawing/label/sizes/0', 'must be integer'],
    ],
    ['none of the types', { scale: 'large' }, ['drawing/scale', 'must be number or null']],
  ])('of a union: %s', (_, changed, expected) => {
    expect(faultOf(() => parse(Drawing, drawing, 'drawing'))).toBeUndefined();
    expect(faultOf(() => parse(Drawing, { ...drawing, ...changed }, 'drawing'))).toEqual(expected);
  });

  test('does not repair: text is no number, a missing member gets no default', () => {
    const Count = Type.Object({ count: Type.Integer({ default: 1 }) });
    expect(parse(Count, { count: 2 }, 'count')).toEqual({ count: 2 });
    expect(faultOf(() => parse(Count, { count: '2' }, 'count'))).toEqual(['count/count', 'must be integer']);
    expect(faultOf(() => parse(Count, {}, 'count'))).toEqual(['count/count', 'must be there']);
  });

  test('a message never holds the value that did not fit', () => {
    expect(() => parse(Pair, { ...pair, sizes: ['a secret'] }, 'pair')).toThrow(
      expect.objectContaining({ message: expect.not.stringContaining('a secret') }),
    );
  });
});

describe('parseJson', () => {
  test('reads text into a typed value', () => {
    expect(parseJson(Pair, '{"name":"a","sizes":[]}', 'file')).toEqual({ name: 'a', sizes: [] });
  });

  test('refuses what is no JSON, and JSON of another form', () => {
    expect(faultOf(() => parseJson(Pair, '{"name":"a","sizes":[]}', 'file'))).toBeUndefined();
    expect(faultOf(() => parseJson(Pair, '{"name":"a",', 'file'))).toEqual(['file', 'JSON']);
    expect(faultOf(() => parseJson(Pair, '{"name":1,"sizes":[]}', 'file'))).toEqual([
      'file/name',
      'must be string',
    ]);
  });
});

test('what a person put together wrongly is wrong usage; any other problem stays what it is', () => {
  expect(asUsage(() => parse(Pair, pair, 'pair'))).toBe(pair);
  expect(() => asUsage(() => parse(Pair, { ...pair, sizes: [-1] }, 'pair'))).toThrow(
    expect.objectContaining({ code: 'usage', detail: { reason: 'pair/sizes/0: must be >= 0' } }),
  );
  const other = new HanseError('dataFileMissing', { file: 'x' });
  expect(() =>
    asUsage(() => {
      throw other;
    }),
  ).toThrow(other);
});
