import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { pack, unpack } from '../../../protocol/ring/bit-pack.ts';
import { packedBytes } from '../../../protocol/vector.ts';

const widths = fc.integer({ min: 16, max: 32 });
const vectors = fc.array(fc.integer({ min: -(2 ** 31), max: 2 ** 31 - 1 }), { minLength: 1, maxLength: 70 });

function packed(values: number[], width: number): Uint32Array {
  const words = new Uint32Array(packedBytes(values.length, width) / 4);
  pack(Int32Array.from(values), width, words);
  return words;
}

/** The slow twin: the whole stream as one integer. */
function stream(values: number[], width: number): bigint {
  return values.reduce(
    (bits, value, i) => bits | (BigInt.asUintN(width, BigInt(value)) << BigInt(i * width)),
    0n,
  );
}

function asInteger(words: Uint32Array): bigint {
  return words.reduce((bits, word, i) => bits | (BigInt(word) << BigInt(32 * i)), 0n);
}

describe('pack', () => {
  test('by hand', () => {
    expect([...packed([1, -1, 2], 16)]).toEqual([0xffff_0001, 0x0000_0002]);
    expect([...packed([1, -1, 2, 3], 24)]).toEqual([0xff00_0001, 0x0002_ffff, 0x0000_0300]);
    expect([...packed([1, -1], 20)]).toEqual([0xfff0_0001, 0x0000_00ff]);
    expect([...packed([-2], 32)]).toEqual([0xffff_fffe]);
  });

  test('is the stream of bits of SPEC.md 5.4 for every width, with zeros behind', () => {
    fc.assert(
      fc.property(vectors, widths, (values, width) => {
        expect(asInteger(packed(values, width))).toBe(stream(values, width));
      }),
    );
  });
});

describe('unpack', () => {
  test('is the inverse of pack, modulo 2^b', () => {
    fc.assert(
      fc.property(vectors, widths, (values, width) => {
        const back = new Int32Array(values.length);
        unpack(packed(values, width), width, back);
        expect([...back]).toEqual(values.map((value) => Number(BigInt.asIntN(width, BigInt(value)))));
      }),
    );
  });

  test('gives values inside the signed range back unchanged, and wraps the next', () => {
    const largest = 2 ** 19 - 1;
    const back = new Int32Array(3);
    unpack(packed([largest, -largest - 1, largest + 1], 20), 20, back);
    expect([...back]).toEqual([largest, -largest - 1, -largest - 1]);
  });
});
