// covers: protocol/dp/cumulative-table.ts, protocol/dp/table-cache.ts
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { cumulativeTable } from '../../../protocol/dp/cumulative-table.ts';
import { discreteGaussianTable } from '../../../protocol/dp/discrete-gaussian-sampler.ts';
import { ONE } from '../../../protocol/dp/fixed-point.ts';
import { cachedTables } from '../../../protocol/dp/table-cache.ts';
import { tableSampler } from '../../../protocol/dp/table-sampler.ts';
import type { RandomSource } from '../../../protocol/random.ts';
import { thresholdsOf } from './precise-law.ts';

/** Gives these words, and then none. */
function planted(words: readonly number[]): RandomSource & { readonly left: number[] } {
  const left = [...words];
  return {
    left,
    fill(target) {
      const view = new DataView(target.buffer, target.byteOffset, target.length);
      for (let at = 0; at < target.length; at += 4) {
        const word = left.shift();
        if (word === undefined) throw new Error('no words are left');
        view.setUint32(at, word, true);
      }
    },
  };
}

const constant = (byte: number): RandomSource => ({ fill: (target) => void target.fill(byte) });

const TABLES = [0.5, 1, 3.7, 16, 100].map((sigma) => ({
  table: discreteGaussianTable(sigma),
  thresholds: thresholdsOf(discreteGaussianTable(sigma)),
}));

/** The sign, and what is drawn of 127 bits, as words in the order in which they are asked for. */
function wordsOf(isNegative: boolean, drawn: bigint): number[] {
  const word = (shift: bigint) => Number((drawn >> shift) & 0xffff_ffffn);
  return [2 * word(96n) + Number(isNegative), word(64n), word(32n), word(0n)];
}

test('a draw is the inversion of the table, at every threshold and elsewhere', () => {
  const near = fc.record({
    which: fc.nat(TABLES.length - 1),
    place: fc.nat(65_535),
    off: fc.oneof(fc.bigInt(-2n, 1n), fc.bigInt(-(1n << 98n), 1n << 98n), fc.bigInt(0n, 1n << 126n)),
    isNegative: fc.boolean(),
  });
  fc.assert(
    fc.property(near, ({ which, place, off, isNegative }) => {
      const { table, thresholds } = TABLES[which] as (typeof TABLES)[number];
      const threshold = thresholds[place % thresholds.length] as bigint;
      const drawn = BigInt.asUintN(127, threshold + off);
      const magnitude = thresholds.findIndex((bound) => drawn < bound);
      const values = Int32Array.of(5);
      const source = planted(wordsOf(isNegative, drawn));
      tableSampler(table, source).addTo(values);
      expect(values[0]).toBe(5 + (isNegative ? -magnitude : magnitude));
      // Further words are asked for only where the first leaves it open.
      const isOpen = thresholds.some((bound) => bound >> 96n === drawn >> 96n);
      expect(source.left.length).toBe(isOpen ? 0 : 3);
    }),
    { numRuns: 1000 },
  );
});

test('words of zeros are no noise, words of ones the largest', () => {
  for (const { table } of TABLES) {
    const values = new Int32Array(3);
    tableSampler(table, constant(0)).addTo(values);
    expect([...values]).toEqual([0, 0, 0]);
    tableSampler(table, constant(255)).addTo(values);
    expect([...values]).toEqual(Array(3).fill(1 - table.leads.length));
  }
});

test('sums wrap, fill overwrites, and blocks are as long as the values', () => {
  const { table } = TABLES[1] as (typeof TABLES)[number];
  const largest = table.leads.length - 1;
  const values = Int32Array.of(-(2 ** 31), 0);
  const sampler = tableSampler(table, constant(255));
  sampler.addTo(values);
  expect([...values]).toEqual([2 ** 31 - largest, -largest]);
  sampler.fill(values);
  expect([...values]).toEqual([-largest, -largest]);
  sampler.addTo(new Int32Array(0));
  expect(sampler.slack).toBe(table.slack);

  const asked: number[] = [];
  const counting: RandomSource = { fill: (target) => void asked.push(target.fill(0).length) };
  const many = new Int32Array(40_000).fill(-7);
  tableSampler(table, counting).fill(many);
  expect(asked).toEqual([65_536, 65_536, 28_928]);
  expect(many.every((value) => value === 0)).toBe(true);
});

test('nothing of what was drawn stays in the words', () => {
  let seen = new Uint8Array();
  const source: RandomSource = {
    fill(target) {
      seen = target as Uint8Array<ArrayBuffer>;
      target.fill(77);
    },
  };
  tableSampler(discreteGaussianTable(16), source).addTo(new Int32Array(100));
  expect(seen.length).toBe(400);
  expect(seen.every((byte) => byte === 0)).toBe(true);
});

test('a law that does not end has no table', () => {
  expect(() => cumulativeTable([ONE / 2n, ONE / 2n])).toThrow(RangeError);
  const flat = function* () {
    for (;;) yield ONE;
  };
  expect(() => cumulativeTable(flat())).toThrow(/65536/);
  expect(cumulativeTable(Array(200).fill(ONE / 2n)).leads.length).toBeGreaterThan(100);
});

test('the tables that were used last are kept', () => {
  const made: number[] = [];
  const tableOf = cachedTables((sigma) => {
    made.push(sigma);
    return discreteGaussianTable(sigma);
  });
  for (const sigma of [1, 2, 3, 4, 5, 6, 7, 8, 1, 9, 1, 2]) tableOf(sigma);
  expect(made).toEqual([1, 2, 3, 4, 5, 6, 7, 8, 9, 2]);
  expect(tableOf(1)).toBe(tableOf(1));
});
