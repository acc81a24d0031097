import { createHash } from 'node:crypto';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { canonicalJson, canonicalSha256, isCanonicalJson } from '../../protocol/canonical.ts';

describe('canonicalJson', () => {
  test('is that of the example in RFC 8785, 3.2.2', () => {
    const value = {
      numbers: [Number('333333333.33333329'), 1e30, 4.5, 2e-3, 0.000000000000000000000000001],
      string: '\u20ac$\u000F\u000aA\'\u0042\u0022\u005c\\"/',
      literals: [null, true, false],
    };
    expect(canonicalJson(value)).toBe(
      '{"literals":[null,true,false],"numbers":[333333333.3333333,1e+30,4.5,0.002,1e-27],' +
        '"string":"€$\\u000f\\nA\'B\\"\\\\\\\\\\"/"}',
    );
  });

  test('sorts members by UTF-16 code units, as in the example of RFC 8785, 3.2.3', () => {
    const value = {
      '\u20ac': 'Euro Sign',
      '\r': 'Carriage Return',
      '\ufb33': 'Hebrew Letter Dalet With Dagesh',
      '1': 'One',
      '\ud83d\ude00': 'Emoji: Grinning Face',
      '\u0080': 'Control',
      '\u00f6': 'Latin Small Letter O With Diaeresis',
    };
    expect([...canonicalJson(value).matchAll(/:"([A-Z][^"]*)"/g)].map(([, name]) => name)).toEqual([
      'Carriage Return',
      'One',
      'Control',
      'Latin Small Letter O With Diaeresis',
      'Euro Sign',
      'Emoji: Grinning Face',
      'Hebrew Letter Dalet With Dagesh',
    ]);
  });

  test('does not depend on the order in which members came, and loses nothing', () => {
    fc.assert(
      fc.property(fc.jsonValue({ maxDepth: 3, stringUnit: 'binary' }), (value) => {
        const text = canonicalJson(value);
        expect(JSON.parse(text)).toEqual(JSON.parse(JSON.stringify(value)));
        expect(canonicalJson(reversed(value))).toBe(text);
        expect(canonicalJson(JSON.parse(text))).toBe(text);
      }),
      { numRuns: 40 },
    );
  });

  test('leaves members out that are undefined, and writes -0 as 0', () => {
    expect(canonicalJson({ b: -0, a: undefined })).toBe('{"b":0}');
  });

  test('what has no canonical form is an error', () => {
    expect(canonicalJson([1e308, 'a'])).toBe('[1e+308,"a"]');
    for (const wrong of [Number.NaN, Number.POSITIVE_INFINITY, { a: [Number.NaN] }, '\ud800', undefined])
      expect(() => canonicalJson(wrong)).toThrow();
  });
});

test('canonicalSha256 is the hash of the canonical form', async () => {
  const expected = createHash('sha256').update('{"a":"ü","b":1}').digest('hex');
  expect(await canonicalSha256({ b: 1, a: 'ü' })).toBe(expected);
  expect(await canonicalSha256({ a: 'ü', b: 2 })).not.toBe(expected);
});

/** The same value with the members of every object in the opposite order. */
function reversed(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(reversed);
  if (value === null || typeof value !== 'object') return value;
  const entries = Object.entries(value).reverse();
  return Object.fromEntries(entries.map(([key, member]) => [key, reversed(member)]));
}

describe('isCanonicalJson', () => {
  const slowly = (text: string) => {
    try {
      return canonicalJson(JSON.parse(text)) === text;
    } catch {
      return false;
    }
  };

  test('says what a comparison with the canonical form says, of any text', () => {
    fc.assert(
      fc.property(fc.jsonValue({ stringUnit: 'binary' }), fc.boolean(), (value, isCanonical) => {
        let text = JSON.stringify(value);
        if (isCanonical) {
          try {
            text = canonicalJson(value);
          } catch {
            return; // half of a character
          }
          expect(isCanonicalJson(text, JSON.parse(text))).toBe(true);
        }
        expect(isCanonicalJson(text, JSON.parse(text))).toBe(slowly(text));
      }),
    );
  });

  test.each([
    ['{"a":1,"b":[{"c":2}]}', true],
    ['{"b":1,"a":1}', false],
    ['[{"b":1,"a":1}]', false],
    ['{"10":1,"9":1}', true],
    ['{"9":1,"10":1}', false],
    ['{"a":1,"a":1}', false],
    ['"\\ud83d"', false],
    ['"\\\\ud83d"', true],
    ['1.0', false],
    ['-0', false],
    ['1e+30', true],
    [' 1', false],
    ['"\\u00e9"', false],
  ])('%s: %s', (text, isCanonical) => {
    expect(isCanonicalJson(text, JSON.parse(text))).toBe(isCanonical);
    expect(slowly(text)).toBe(isCanonical);
  });
});
