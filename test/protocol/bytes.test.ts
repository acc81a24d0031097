import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  concatBytes,
  equalBytes,
  fromBase64,
  fromHex,
  hexBytes,
  toBase64,
  toBase64Url,
  toHex,
  utf8,
} from '../../protocol/bytes.ts';

const anyBytes = fc.uint8Array({ maxLength: 300 });

describe('hex', () => {
  test('is that of Node, and reads back', () => {
    expect(toHex(Uint8Array.of(0, 1, 0xab, 0xff))).toBe('0001abff');
    fc.assert(
      fc.property(anyBytes, (bytes) => {
        expect(toHex(bytes)).toBe(Buffer.from(bytes).toString('hex'));
        expect(fromHex(toHex(bytes))).toEqual(bytes);
      }),
    );
  });

  test('has one spelling', () => {
    expect(fromHex('ab')).toEqual(Uint8Array.of(0xab));
    expect(hexBytes('ab')).toEqual(Uint8Array.of(0xab));
    expect(() => hexBytes('aB')).toThrow(TypeError);
    expect(fromHex('')).toEqual(new Uint8Array());
    for (const wrong of ['AB', 'a', 'abc', 'ag', ' ab', 'ab\n', '0xab', 'ａｂ'])
      expect(fromHex(wrong)).toBeUndefined();
    const characters = Array.from({ length: 256 }, (_, code) => String.fromCharCode(code));
    const isDigit = (text: string) => /^[0-9a-f]$/.test(text);
    for (const character of characters)
      for (const text of [`${character}0`, `f${character}`])
        expect(fromHex(text) !== undefined, JSON.stringify(text)).toBe(isDigit(character));
  });
});

describe('base64', () => {
  test('has the vectors of RFC 4648, section 10', () => {
    const vectors = {
      '': '',
      f: 'Zg==',
      fo: 'Zm8=',
      foo: 'Zm9v',
      foob: 'Zm9vYg==',
      fooba: 'Zm9vYmE=',
      foobar: 'Zm9vYmFy',
    };
    for (const [text, encoded] of Object.entries(vectors)) {
      expect(toBase64(utf8(text))).toBe(encoded);
      expect(fromBase64(encoded)).toEqual(utf8(text));
      expect(toBase64Url(utf8(text))).toBe(encoded.replaceAll('=', ''));
    }
    expect(toBase64(Uint8Array.of(0xfb, 0xff))).toBe('+/8=');
    expect(toBase64Url(Uint8Array.of(0xfb, 0xff))).toBe('-_8');
  });

  test('reads back what it wrote', () => {
    fc.assert(
      fc.property(anyBytes, (bytes) => {
        expect(fromBase64(toBase64(bytes))).toEqual(bytes);
      }),
    );
  });

  test('has one spelling', () => {
    expect(fromBase64('Zg==')).toEqual(utf8('f'));
    // No padding, unused bits set, white space, the other alphabet, no base64 at all, an odd rest.
    for (const wrong of ['Zg', 'Zh==', 'Zg== ', ' Zg==', 'Zg=\n=', '-_8=', 'Z!==', 'Z'])
      expect(fromBase64(wrong), wrong).toBeUndefined();
  });
});

test('utf8 is UTF-8', () => {
  expect(toHex(utf8('Bücher €'))).toBe('42c3bc6368657220e282ac');
});

test('concatBytes puts parts one after the other, and copies', () => {
  const first = Uint8Array.of(1, 2);
  const whole = concatBytes(first, new Uint8Array(), Uint8Array.of(3));
  first[0] = 9;
  expect(whole).toEqual(Uint8Array.of(1, 2, 3));
  expect(concatBytes()).toEqual(new Uint8Array());
});

test('equalBytes says whether two byte strings are the same', () => {
  fc.assert(
    fc.property(
      fc.uint8Array({ minLength: 1, maxLength: 50 }),
      fc.nat(),
      fc.integer({ min: 1, max: 255 }),
      (bytes, at, change) => {
        const other = bytes.slice();
        expect(equalBytes(bytes, other)).toBe(true);
        const index = at % bytes.length;
        other[index] = (other[index] ?? 0) ^ change;
        expect(equalBytes(bytes, other)).toBe(false);
        expect(equalBytes(bytes, bytes.subarray(1))).toBe(false);
      },
    ),
  );
});
