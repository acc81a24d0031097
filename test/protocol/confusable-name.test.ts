import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { mixesScripts, shownNames, skeletonOf } from '../../protocol/confusable-name.ts';

const shown = (...names: string[]) =>
  shownNames(
    names.map((name, index) => ({ name, index })),
    ({ index }) => `#${index}`,
  );

test('names that nobody could take for another are shown', () => {
  const names = ['Ada Lovelace', 'Bob', '李明', '山田 太郎', 'Пётр Ильич', 'Ζωή', 'Jörg', 'Anna', 'Hannah'];
  expect(shown(...names)).toEqual(names);
});

describe('a name is shown by the id', () => {
  test.each([
    ['with a Cyrillic a', 'Ada', 'Аda'],
    ['all in Cyrillic', 'Hoax', 'Ноах'],
    ['in Greek', 'Kai', 'Και'],
    ['in wide letters', 'Ada', '\uff21\uff44\uff41'],
    ['with a zero', 'Bob', 'B0b'],
    ['with one for l', 'Paul', 'Pau1'],
    ['with capital i for l', 'Paul', 'PauI'],
    ['with rn for m', 'Tom', 'Torn'],
    ['with a space', 'AnnLee', 'Ann Lee'],
    ['with an accent that is hardly seen', 'Ada', 'Adạ'],
    ['in capitals', 'Ada', 'ADA'],
    ['the same', 'Ada', 'Ada'],
  ])('%s', (_, first, second) => {
    expect(shown(first, second)).toEqual([first, '#1']);
    expect(shown(first, 'Grace')).toEqual([first, 'Grace']);
  });

  test('where it mixes scripts or is in no normal form, also when it stands alone', () => {
    expect(mixesScripts('Аda')).toBe(true);
    expect(mixesScripts('Ada')).toBe(false);
    expect(shown('Аda', 'Jo\u0308rg', '...')).toEqual(['#0', '#1', '#2']);
  });
});

test('a skeleton is that of its skeleton, and of the name in another normal form', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'grapheme', maxLength: 20 }), (name) => {
      expect(skeletonOf(name.normalize('NFD'))).toBe(skeletonOf(name.normalize('NFC')));
    }),
    { numRuns: 100 },
  );
});
