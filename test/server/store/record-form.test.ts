import fc from 'fast-check';
import { expect, test } from 'vitest';
import { afterPrefix, checkInteger, checkName, encodeEvents } from '../../../server/store/record-form.ts';

const printable = fc.string({
  unit: fc.integer({ min: 0x21, max: 0x7e }).map((c) => String.fromCharCode(c)),
});

test('the names with a prefix are those from the prefix up to afterPrefix', () => {
  fc.assert(
    fc.property(printable, printable, printable, (prefix, rest, other) => {
      const isWithin = (name: string) => prefix <= name && name < afterPrefix(prefix);
      expect(isWithin(prefix + rest)).toBe(true);
      expect(isWithin(other)).toBe(other.startsWith(prefix));
    }),
  );
});

test('a name is 1 to 256 printable ASCII characters', () => {
  for (const name of ['a', '!~', 'x'.repeat(256)]) expect(() => checkName('n', name)).not.toThrow();
  for (const name of ['', ' ', 'x'.repeat(257), 'a\n', 'a\x7f', 'é'])
    expect(() => checkName('n', name)).toThrow(expect.objectContaining({ code: 'invalidFormat' }));
});

test('an integer is exact', () => {
  for (const value of [1, Number.MAX_SAFE_INTEGER]) expect(() => checkInteger('v', value, 1)).not.toThrow();
  for (const value of [0, 1.5, Number.MAX_SAFE_INTEGER + 1, Number.NaN, Number.POSITIVE_INFINITY])
    expect(() => checkInteger('v', value, 1)).toThrow(expect.objectContaining({ code: 'invalidFormat' }));
});

test('the event that is wrong is named', () => {
  const good = { type: 't', version: 1, data: {} };
  expect(encodeEvents([good])).toEqual([{ type: 't', version: 1, data: '{}' }]);
  expect(() => encodeEvents([good, { ...good, data: 1n }])).toThrow(
    expect.objectContaining({ detail: { where: 'events[1].data', expected: 'a JSON value' } }),
  );
});
