import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { primitives } from '#primitives';
import { concatBytes, toHex, utf8 } from '../../protocol/bytes.ts';
import { inclusionProof, isIncluded, leafHash, treeRoot, treeWithProofs } from '../../protocol/merkle.ts';

const leavesOf = (count: number) =>
  Promise.all(Array.from({ length: count }, (_, i) => leafHash(primitives, utf8(`leaf ${i}`))));

describe('known answers', () => {
  test('of nothing, and of one leaf that is empty: RFC 9162, 2.1.1', async () => {
    const nothing = 'e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855';
    expect(toHex(await treeRoot(primitives, []))).toBe(nothing);
    const empty = await leafHash(primitives, new Uint8Array());
    expect(toHex(empty)).toBe('6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d');
    expect(await treeRoot(primitives, [empty])).toEqual(empty);
  });

  // The leaves of the reference tests of Certificate Transparency.
  test('of eight leaves', async () => {
    const contents = ['', '00', '10', '2021', '3031', '40414243', '5051525354555657'];
    const last = '606162636465666768696a6b6c6d6e6f';
    const leaves = await Promise.all(
      [...contents, last].map((hex) => leafHash(primitives, Uint8Array.from(Buffer.from(hex, 'hex')))),
    );
    expect(toHex(await treeRoot(primitives, leaves))).toBe(
      '5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328',
    );
  });
});

test('each leaf of each tree is proved; no other leaf, place, size or root is', async () => {
  for (const size of [1, 2, 3, 5, 8, 9, 31, 33]) {
    const leaves = await leavesOf(size);
    const root = await treeRoot(primitives, leaves);
    for (let index = 0; index < size; index += 1) {
      const leaf = leaves[index] as Uint8Array;
      const proof = await inclusionProof(primitives, leaves, index);
      const claim = { leaf, index, size, proof };
      expect(await isIncluded(primitives, claim, root)).toBe(true);
      const wrong = [
        { ...claim, leaf: root.map((byte) => byte ^ 1) },
        { ...claim, index: index + 1 },
        { ...claim, index: index - 1 },
        { ...claim, size: 2 * size + 1 },
        { ...claim, proof: [...proof, root] },
        { ...claim, proof: [leaf, ...proof] },
        ...(proof.length > 0
          ? [
              { ...claim, proof: proof.slice(1) },
              { ...claim, proof: proof.slice(0, -1) },
            ]
          : []),
      ];
      for (const one of wrong) expect(await isIncluded(primitives, one, root)).toBe(false);
      expect(
        await isIncluded(
          primitives,
          claim,
          leaf.map((byte) => byte ^ 128),
        ),
      ).toBe(false);
    }
  }
});

test('a bit that is changed anywhere in a proof is seen', async () => {
  const leaves = await leavesOf(21);
  const root = await treeRoot(primitives, leaves);
  await fc.assert(
    fc.asyncProperty(fc.nat(20), fc.nat(), async (index, bit) => {
      const proof = await inclusionProof(primitives, leaves, index);
      const leaf = leaves[index] as Uint8Array;
      expect(await isIncluded(primitives, { leaf, index, size: 21, proof }, root)).toBe(true);
      const at = Math.floor(bit / 256) % proof.length;
      const changed = proof.map((hash) => hash.slice());
      const hash = changed[at] as Uint8Array;
      hash[Math.floor(bit / 8) % 32] = (hash[Math.floor(bit / 8) % 32] as number) ^ (1 << (bit % 8));
      expect(await isIncluded(primitives, { leaf, index, size: 21, proof: changed }, root)).toBe(false);
    }),
    { numRuns: 60 },
  );
});

test('what is not of the length of a hash is no leaf, no hash of a proof and no root', async () => {
  const [left, right] = (await leavesOf(2)) as [Uint8Array, Uint8Array];
  const root = await treeRoot(primitives, [left, right]);
  const claim = { leaf: left, index: 0, size: 2, proof: [right] };
  expect(await isIncluded(primitives, claim, root)).toBe(true);
  // All of these are hashed from the same bytes.
  const cuts = [0, 31, 33, 64];
  for (const cut of cuts) {
    const both = concatBytes(left, right);
    const moved = { ...claim, leaf: both.slice(0, cut), proof: [both.slice(cut)] };
    expect(await isIncluded(primitives, moved, root), `${cut}`).toBe(false);
  }
  const [short, long] = [root.slice(1), concatBytes(root, root)];
  for (const leaf of [short, long])
    expect(await isIncluded(primitives, { leaf, index: 0, size: 1, proof: [] }, leaf)).toBe(false);
});

test('a tree of one leaf has no proof: neither half of a larger one is its only leaf', async () => {
  const [left, right] = (await leavesOf(2)) as [Uint8Array, Uint8Array];
  const root = await treeRoot(primitives, [left, right]);
  expect(await isIncluded(primitives, { leaf: right, index: 1, size: 2, proof: [left] }, root)).toBe(true);
  for (const [leaf, beside] of [
    [left, right],
    [right, left],
  ] as const)
    expect(await isIncluded(primitives, { leaf, index: 0, size: 1, proof: [beside] }, root)).toBe(false);
});

test('root and proofs that are made at once are those that are made one by one', async () => {
  for (let size = 0; size < 10; size += 1) {
    const leaves = await leavesOf(size);
    const proofs = await Promise.all(leaves.map((_, index) => inclusionProof(primitives, leaves, index)));
    const root = await treeRoot(primitives, leaves);
    expect(await treeWithProofs(primitives, leaves)).toEqual({ root, proofs });
  }
});

test('sizes and places that are no numbers of leaves prove nothing', async () => {
  const [leaf] = (await leavesOf(1)) as [Uint8Array];
  expect(await isIncluded(primitives, { leaf, index: 0, size: 1, proof: [] }, leaf)).toBe(true);
  for (const [index, size] of [
    [0, 0],
    [0.5, 1],
    [0, 1.5],
    [Number.NaN, 1],
    [0, Number.POSITIVE_INFINITY],
    [0, 2 ** 53],
    [-1, 1],
  ] as const)
    expect(await isIncluded(primitives, { leaf, index, size, proof: [] }, leaf)).toBe(false);
  for (const index of [1, -1, 0.5, Number.NaN])
    await expect(inclusionProof(primitives, [leaf], index)).rejects.toThrow(RangeError);
});
