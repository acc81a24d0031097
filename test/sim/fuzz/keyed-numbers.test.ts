import { expect, test } from 'vitest';
import { KeyedNumbers } from '../../../sim/fuzz/keyed-numbers.ts';

const drawn = (count: number, ...name: (string | number)[]) => {
  const numbers = new KeyedNumbers(...name);
  return Array.from({ length: count }, () => numbers.uint32());
};

test('a name gives the same numbers every time, and no two names the same', () => {
  expect(drawn(4, 'a', 1)).toEqual(drawn(4, 'a', 1));
  const names = [['a', 1], ['a', '1'], ['a1'], ['a', 2], ['b', 1], [1, 'a'], ['a', 1, ''], ['a', 11]];
  expect(new Set(names.map((name) => drawn(2, ...name).join())).size).toBe(names.length);
});

test('numbers are spread evenly, whether of one name or the first of many', () => {
  const mean = (units: number[]) => units.reduce((sum, unit) => sum + unit, 0) / units.length;
  const numbers = new KeyedNumbers('one');
  const ofOne = Array.from({ length: 4000 }, () => numbers.unit());
  const ofMany = Array.from({ length: 4000 }, (_, i) => new KeyedNumbers('message', 7, i).unit());
  for (const units of [ofOne, ofMany]) {
    expect(mean(units)).toBeCloseTo(0.5, 1);
    for (let tenth = 0; tenth < 10; tenth += 1) {
      const share = units.filter((unit) => Math.floor(10 * unit) === tenth).length / units.length;
      expect(share).toBeGreaterThan(0.07);
      expect(share).toBeLessThan(0.13);
    }
  }
});

test('whole numbers stay within their bounds and reach them; bytes are all filled', () => {
  const numbers = new KeyedNumbers('bounds');
  const found = new Set(Array.from({ length: 200 }, () => numbers.between(-1, 2)));
  expect([...found].sort((a, b) => a - b)).toEqual([-1, 0, 1, 2]);
  const bytes = new Uint8Array(4099);
  new KeyedNumbers('bytes').source().fill(bytes);
  expect(new Set(bytes).size).toBe(256);
  expect(bytes.subarray(-3).some((byte) => byte !== 0)).toBe(true);
});
