import { deflateRawSync, inflateRawSync } from 'node:zlib';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { BLOCK_VALUES, type Deflate, decodeDelta, encodeDelta, isDelta } from '../../protocol/model-delta.ts';
import { bytesOf, wordsOf } from '../../protocol/vector.ts';
import { CODEC } from '../fixtures/manifest.ts';
import { modelFile, updateFile, vectorFile } from '../fixtures/vector-files.ts';

const deflate: Deflate = async (bytes) => new Uint8Array(deflateRawSync(bytes));
const inflate = async (bytes: Uint8Array, length: number) =>
  new Uint8Array(inflateRawSync(bytes, { maxOutputLength: length }));

/** Any bits, as floats could have. */
function vectorOf(words: ArrayLike<number>): Uint8Array<ArrayBuffer> {
  const payload = bytesOf(Uint32Array.from(words));
  return vectorFile(payload, { kind: 'parameters', width: 32, length: words.length, secondBlock: 0 });
}

async function deltaOf(base: Uint8Array, target: Uint8Array): Promise<Uint8Array> {
  const delta = await encodeDelta(base, target, deflate, Number.POSITIVE_INFINITY);
  if (!delta) throw new Error('unreachable: no limit');
  return delta;
}

/** Zero and its negative, the least and the greatest numbers, infinities, quiet and signalling NaN. */
const SPECIAL = [
  0x00000000, 0x80000000, 0x00000001, 0x80000001, 0x007fffff, 0x00800000, 0x7f7fffff, 0xff7fffff, 0x7f800000,
  0xff800000, 0x7fc00000, 0xffc00000, 0x7f800001, 0xffffffff, 0x7fffffff, 0x3f800000, 0xbf800000,
];
const bits = fc.oneof(fc.integer({ min: 0, max: 0xffff_ffff }), fc.constantFrom(...SPECIAL));

describe('a difference', () => {
  test('gives the target back to the bit, whatever the bits are', async () => {
    const pairs = fc.array(fc.tuple(bits, bits), { minLength: 1, maxLength: 300 });
    await fc.assert(
      fc.asyncProperty(pairs, async (values) => {
        const base = vectorOf(values.map(([from]) => from));
        const target = vectorOf(values.map(([, to]) => to));
        const before = base.slice();
        expect(await decodeDelta(await deltaOf(base, target), base, inflate)).toEqual(target);
        expect(base).toEqual(before);
      }),
    );
    const base = vectorOf(SPECIAL.flatMap((from) => SPECIAL.map(() => from)));
    const target = vectorOf(SPECIAL.flatMap(() => SPECIAL));
    expect(await decodeDelta(await deltaOf(base, target), base, inflate)).toEqual(target);
  });

  test('of several blocks, from memory at any address', async () => {
    const words = Uint32Array.from({ length: BLOCK_VALUES + 3 }, (_, i) => Math.imul(i, 2654435761));
    const base = vectorOf(words);
    const target = vectorOf(words.map((word, i) => (i % 1000 === 0 || i >= BLOCK_VALUES ? word ^ i : word)));
    const delta = await deltaOf(base, target);
    expect(delta.length).toBeLessThan(target.length / 100);
    for (const shift of [0, 1, 2, 3]) {
      const [movedBase, movedDelta] = [base, delta].map((bytes) => {
        const room = new Uint8Array(bytes.length + shift);
        room.set(bytes, shift);
        return room.subarray(shift);
      }) as [Uint8Array, Uint8Array];
      const got = await decodeDelta(movedDelta, movedBase, inflate);
      expect(Buffer.compare(got, target)).toBe(0);
    }
  });

  test('has this form', async () => {
    // 1 and the numbers after and before it; a sign that changes; what does not change.
    const base = vectorOf([0x3f800000, 0x3f800000, 0x00000000, 0x42280000]);
    const target = vectorOf([0x3f800001, 0x3f7fffff, 0x80000000, 0x42280000]);
    const delta = await deltaOf(base, target);
    expect(Buffer.from(delta.subarray(0, 8)).toString('hex')).toBe('484e534401000000');
    expect(delta.subarray(8, 72)).toEqual(target.subarray(0, 64));
    // Steps of 1, -1, -1 and 0 are 2, 1, 1 and 0; four bytes do not get shorter; the other planes are zeros.
    expect(Buffer.from(delta.subarray(72)).toString('hex')).toBe(`0400000002010100${'00000000'.repeat(3)}`);
    expect(isDelta(delta)).toBe(true);
    expect([target, new Uint8Array(0), delta.subarray(0, 7)].map(isDelta)).toEqual([false, false, false]);
  });

  test('of one value after the other is of neighbours: a step in the last place costs a bit, across any border', async () => {
    const floats = new Float32Array(1);
    const [word] = [wordsOf(bytesOf(floats))];
    for (const value of [1, -1, 0.5, 2 ** -126, -(2 ** -126), 65536]) {
      floats[0] = value;
      const at = word?.[0] ?? 0;
      const delta = await deltaOf(vectorOf([at]), vectorOf([at - 1]));
      expect([...delta.subarray(72, 76)]).toEqual([1, 0, 0, 0]);
      expect([1, 2]).toContain(delta[76]);
    }
  });

  test('that would be longer than is permitted is none', async () => {
    const base = vectorOf([1, 2, 3]);
    const target = vectorOf([4, 5, 6]);
    const { length } = await deltaOf(base, target);
    expect(await encodeDelta(base, target, deflate, length)).toHaveLength(length);
    expect(await encodeDelta(base, target, deflate, length - 1)).toBeUndefined();
  });

  test('is of vectors of parameters of one length', async () => {
    const base = modelFile([1, 2]);
    const update = updateFile([0.1, 0.2], 1, CODEC);
    const cases: [Uint8Array, Uint8Array, string][] = [
      [base, modelFile([1, 2, 3]), 'invalidLength'],
      [modelFile([1, 2, 3]), base, 'invalidLength'],
      [update, update, 'updateMalformed'],
      [base, new Uint8Array(base.length), 'updateMalformed'],
      [new Uint8Array(3), base, 'invalidLength'],
    ];
    for (const [from, to, code] of cases) await expect(deltaOf(from, to)).rejects.toMatchObject({ code });
    await expect(deltaOf(base, modelFile([3, 4]))).resolves.toBeDefined();
  });
});

describe('what is no difference', () => {
  const base = vectorOf(Uint32Array.from({ length: 1000 }, (_, i) => i));
  const target = vectorOf(Uint32Array.from({ length: 1000 }, (_, i) => i + (i % 3)));

  /** The difference with some of its bytes replaced. */
  async function changed(offset: number, bytes: readonly number[]): Promise<Uint8Array> {
    const delta = await deltaOf(base, target);
    delta.set(bytes, offset);
    return delta;
  }

  test('is refused by its code', async () => {
    const good = await deltaOf(base, target);
    expect(await decodeDelta(good, base, inflate)).toEqual(target);
    const bomb = deflateRawSync(new Uint8Array(10_000_000));
    const planes = (...lengths: number[]) => [...new Uint8Array(Uint32Array.from(lengths).buffer)];
    const head = good.subarray(0, 72);
    const cases: [string, Uint8Array, string][] = [
      ['nothing', new Uint8Array(0), 'invalidFormat'],
      ['a vector', target, 'invalidFormat'],
      ['of another magic', await changed(3, [0x45]), 'invalidFormat'],
      ['of another version', await changed(4, [2]), 'invalidFormat'],
      ['of an update', await changed(14, [2]), 'updateMalformed'],
      ['of a vector of another length', await changed(16, [0, 0, 0, 1]), 'invalidLength'],
      ['that ends in the header', good.subarray(0, 71), 'invalidLength'],
      ['that ends before its planes', head, 'invalidFormat'],
      ['that ends in a length', good.subarray(0, 74), 'invalidFormat'],
      ['that ends in a plane', good.subarray(0, 80), 'invalidFormat'],
      ['with more after its end', Buffer.concat([good, Buffer.of(0)]), 'invalidLength'],
      ['with a plane longer than all', await changed(72, [0xff, 0xff, 0xff, 0xff]), 'invalidFormat'],
      ['with a plane of no DEFLATE', await changed(76, [0xff, 0xff, 0xff]), 'invalidFormat'],
      [
        'with a plane of too little',
        Buffer.concat([
          head,
          Buffer.from(planes(deflateRawSync(Buffer.alloc(999)).length)),
          deflateRawSync(Buffer.alloc(999)),
          Buffer.from(planes(0, 0, 0)),
        ]),
        'invalidFormat',
      ],
      [
        'with a plane of too much',
        Buffer.concat([
          head,
          Buffer.from(planes(deflateRawSync(Buffer.alloc(1001)).length)),
          deflateRawSync(Buffer.alloc(1001)),
          Buffer.from(planes(0, 0, 0)),
        ]),
        'invalidFormat',
      ],
      [
        'with a plane longer than its values',
        Buffer.concat([head, Buffer.from(planes(1001)), Buffer.alloc(1001), Buffer.from(planes(0, 0, 0))]),
        'invalidFormat',
      ],
      ['with a bomb', Buffer.concat([head, Buffer.from(planes(bomb.length)), bomb]), 'invalidFormat'],
    ];
    for (const [what, delta, code] of cases)
      expect([what, await decodeDelta(delta, base, inflate).catch((error) => error.code)]).toEqual([
        what,
        code,
      ]);
  });

  test('is refused or makes another vector, whatever is altered: never anything else', async () => {
    const good = await deltaOf(base, target);
    const place = fc.integer({ min: 0, max: good.length - 1 });
    await fc.assert(
      fc.asyncProperty(place, fc.integer({ min: 1, max: 255 }), async (offset, flip) => {
        const delta = good.slice();
        delta[offset] = (delta[offset] as number) ^ flip;
        const got = await decodeDelta(delta, base, inflate).catch((error) => error.code);
        if (typeof got === 'string') expect(got).toMatch(/^(invalidFormat|invalidLength|updateMalformed)$/);
        else expect(got).toHaveLength(base.length);
      }),
    );
  });
});
