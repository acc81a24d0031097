// covers: sim/partition/partition.ts, sim/partition/iid.ts, sim/partition/shards.ts, sim/partition/cut.ts
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { RandomNumbers, seededRandom } from '../../../protocol/random.ts';
import { cutEvenly } from '../../../sim/partition/cut.ts';
import { partitionIid } from '../../../sim/partition/iid.ts';
import { formatPartition, parsePartition, partitionExamples } from '../../../sim/partition/partition.ts';
import { partitionShards } from '../../../sim/partition/shards.ts';

const numbers = (seed: number) => new RandomNumbers(seededRandom(new Uint8Array(32).fill(seed)));
/** `each` examples of every label, interleaved. */
const balanced = (classes: number, each: number) =>
  Int32Array.from({ length: classes * each }, (_, i) => i % classes);

const words = fc.constantFrom('iid', 'shards', 'dirichlet:0.01', 'dirichlet:0.5', 'dirichlet:1000');
const anyLabels = fc.array(fc.integer({ min: 0, max: 9 }), { minLength: 40, maxLength: 200 });

describe('every partition', () => {
  test('gives each example to exactly one participant and none to nobody', () => {
    const participants = fc.integer({ min: 1, max: 20 });
    fc.assert(
      fc.property(words, anyLabels, participants, fc.nat(255), (word, labels, count, seed) => {
        const parts = partitionExamples(parsePartition(word), Int32Array.from(labels), count, numbers(seed));
        expect(parts).toHaveLength(count);
        expect(parts.every((part) => part.length > 0)).toBe(true);
        expect(parts.flatMap((part) => [...part]).sort((a, b) => a - b)).toEqual([...labels.keys()]);
        for (const part of parts) expect(part).toEqual(part.slice().sort());
      }),
    );
  });

  test.each(['iid', 'shards', 'dirichlet:0.5'])('%s: one seed, one result', (word) => {
    const deal = (seed: number) =>
      partitionExamples(parsePartition(word), balanced(10, 20), 7, numbers(seed));
    expect(deal(1)).toEqual(deal(1));
    expect(deal(1)).not.toEqual(deal(2));
  });

  test.each(['iid', 'shards', 'dirichlet:0.5'])('%s: refuses what cannot be divided', (word) => {
    const deal = (examples: number, participants: number) =>
      partitionExamples(parsePartition(word), new Int32Array(examples), participants, numbers(1));
    const refused = expect.objectContaining({ code: 'usage' });
    expect(deal(10, 5)).toHaveLength(5);
    expect(() => deal(4, 5)).toThrow(refused);
    expect(() => deal(10, 0)).toThrow(refused);
    expect(() => deal(10, 1.5)).toThrow(refused);
  });
});

test('cutEvenly() covers in order, with lengths that differ by at most one', () => {
  fc.assert(
    fc.property(fc.nat(100), fc.integer({ min: 1, max: 30 }), (length, pieces) => {
      const cut = cutEvenly(
        Uint32Array.from({ length }, (_, i) => i),
        pieces,
      );
      expect(cut).toHaveLength(pieces);
      expect(cut.flatMap((piece) => [...piece])).toEqual(Array.from({ length }, (_, i) => i));
      const lengths = cut.map((piece) => piece.length);
      expect(Math.max(...lengths) - Math.min(...lengths)).toBeLessThanOrEqual(1);
    }),
  );
});

test('partitionIid() gives every participant about the same labels', () => {
  const labels = balanced(10, 600);
  for (const part of partitionIid(labels, 10, numbers(3))) {
    expect(part).toHaveLength(600);
    const counts = new Array(10).fill(0);
    for (const index of part) counts[labels[index] ?? 0] += 1;
    // Hypergeometric with mean 60 and standard deviation 7: six standard deviations.
    for (const count of counts) expect(Math.abs(count - 60)).toBeLessThan(42);
  }
});

describe('partitionShards', () => {
  const labelsOf = (labels: Int32Array, part: Uint32Array) =>
    new Set(Array.from(part, (index) => labels[index]));

  test('two labels each where shards divide the labels evenly, as in the paper', () => {
    const labels = balanced(10, 600);
    const parts = partitionShards(labels, 100, numbers(4));
    for (const part of parts) {
      expect(part).toHaveLength(60);
      expect(labelsOf(labels, part).size).toBeLessThanOrEqual(2);
    }
    const iid = partitionIid(labels, 100, numbers(4));
    expect(iid.some((part) => labelsOf(labels, part).size > 4)).toBe(true);
  });

  test('at most four labels whenever no label is rarer than a shard is long', () => {
    const eachLabel = fc.array(fc.integer({ min: 10, max: 40 }), { minLength: 2, maxLength: 10 });
    fc.assert(
      fc.property(eachLabel, fc.nat(255), (counts, seed) => {
        const labels = Int32Array.from(counts.flatMap((count, label) => new Array(count).fill(label)));
        const participants = Math.ceil(labels.length / 20); // shards of at most 10
        for (const part of partitionShards(labels, participants, numbers(seed))) {
          expect(labelsOf(labels, part).size).toBeLessThanOrEqual(4);
        }
      }),
    );
  });
});

describe('parsePartition', () => {
  test.each(['iid', 'shards', 'dirichlet:0.3', 'dirichlet:100', 'dirichlet:1e-7'])('%s', (word) => {
    expect(formatPartition(parsePartition(word))).toBe(word);
  });

  test('reads alpha', () => {
    expect(parsePartition('dirichlet:0.3')).toEqual({ type: 'dirichlet', alpha: 0.3 });
  });

  test.each(['', 'IID', 'dirichlet', 'dirichlet:', 'dirichlet:0', 'dirichlet:-1', 'dirichlet:x', 'shards:2'])(
    'refuses "%s"',
    (word) => {
      expect(() => parsePartition(word)).toThrow(expect.objectContaining({ code: 'usage' }));
    },
  );
});
