import fc from 'fast-check';
import { expect, test } from 'vitest';
import { tokenize } from '../../../client/data/tokens.ts';

const OPTIONS = { vocabulary: 4096, length: 8 };

test('words become the same tokens wherever they stand, whatever their case; the rest is padding', () => {
  const tokens = tokenize('Buy now, BUY foobar! 2002 a', OPTIONS);
  expect(tokens[0]).toBe(tokens[2]);
  expect(new Set([tokens[0], tokens[1], tokens[3]]).size).toBe(3);
  // The hash of "foobar" is a test vector of FNV-1a.
  expect(tokens[3]).toBe(1 + (0xbf9cf968 % 4095));
  expect(Array.from(tokens.subarray(4))).toEqual([0, 0, 0, 0]);
});

test('any text gives tokens of the vocabulary, as many as asked for', () => {
  fc.assert(
    fc.property(fc.string({ maxLength: 200 }), fc.integer({ min: 2, max: 50 }), (text, vocabulary) => {
      const tokens = tokenize(text, { vocabulary, length: 5 });
      return tokens.length === 5 && tokens.every((token) => token >= 0 && token < vocabulary);
    }),
  );
});
