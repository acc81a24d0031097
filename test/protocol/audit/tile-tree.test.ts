import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { primitives } from '#primitives';
import { GrowingTree } from '../../../protocol/audit/growing-tree.ts';
import { newTiles, type Tile, tilePath } from '../../../protocol/audit/tile.ts';
import {
  consistencyProofOf,
  HASH_BYTES,
  inclusionProofOf,
  rootOf,
} from '../../../protocol/audit/tile-tree.ts';
import { concatBytes } from '../../../protocol/bytes.ts';
import { inclusionProof, isIncluded, leafHash, treeRoot } from '../../../protocol/merkle.ts';
import { isConsistent } from '../../../protocol/merkle-consistency.ts';

/** Around every size at which a tile begins, and one with three levels of tiles. */
const SIZES = [1, 2, 3, 255, 256, 257, 511, 512, 513, 65_535, 65_536, 65_537];
const LARGEST = 65_537;

const leaves = await Promise.all(
  Array.from({ length: LARGEST }, (_, i) =>
    leafHash(primitives, new Uint8Array(new Uint32Array([i]).buffer)),
  ),
);
/** By level, and the root by size. */
const hashes: Uint8Array[][] = [[], [], []];
const roots = new Map<number, Uint8Array>();
const growing = new GrowingTree();
for (const leaf of leaves) {
  for (const { level, hash } of await growing.add(leaf)) hashes[level]?.push(hash);
  if (growing.size <= 1200 || SIZES.includes(growing.size)) roots.set(growing.size, await growing.root());
}
const rootAt = (size: number) => roots.get(size) as Uint8Array;

function tilesOf(size: number): Map<string, Uint8Array> {
  const tiles = new Map<string, Uint8Array>();
  for (const tile of newTiles(0, size)) {
    if (tile.level === 'entries') continue;
    const own = hashes[tile.level]?.slice(256 * tile.index, 256 * tile.index + tile.width) ?? [];
    tiles.set(tilePath(tile), concatBytes(...own));
  }
  return tiles;
}

const reader = (tiles: ReadonlyMap<string, Uint8Array>) => async (tile: Tile) => {
  const bytes = tiles.get(tilePath(tile));
  if (!bytes) throw new Error(`there is no ${tilePath(tile)}`);
  return bytes;
};

test('of no leaves the root is the hash of nothing, and no tile is read', async () => {
  expect(await rootOf(reader(new Map()), 0)).toEqual(await treeRoot(primitives, []));
});

describe.each(SIZES)('a log of %i leaves', (size) => {
  const read = reader(tilesOf(size));
  const own = leaves.slice(0, size);
  const root = rootAt(size);

  test('has the root of its tree', async () => {
    expect(await rootOf(read, size)).toEqual(root);
    if (size < 1000) expect(root).toEqual(await treeRoot(primitives, own));
  });

  test('proves its leaves as the tree does', async () => {
    for (const index of new Set([0, 1, 255, 256, 257, size >> 1, size - 2, size - 1])) {
      if (index < 0 || index >= size) continue;
      const proof = await inclusionProofOf(read, index, size);
      if (size < 1000) expect(proof).toEqual(await inclusionProof(primitives, own, index));
      const claim = { leaf: leaves[index] as Uint8Array, index, size, proof };
      expect(await isIncluded(primitives, claim, root)).toBe(true);
    }
    await expect(inclusionProofOf(read, size, size)).rejects.toThrow(RangeError);
  });

  test('proves that it goes on from each smaller one', async () => {
    for (const oldSize of SIZES.filter((one) => one <= size)) {
      const oldRoot = rootAt(oldSize);
      const proof = await consistencyProofOf(read, oldSize, size);
      expect(await isConsistent(primitives, { oldSize, oldRoot, size, root, proof }), `${oldSize}`).toBe(
        true,
      );
    }
    expect(await consistencyProofOf(read, 0, size)).toEqual([]);
    await expect(consistencyProofOf(read, size + 1, size)).rejects.toThrow(RangeError);
  });
});

test('any two sizes are proved to be of one log', async () => {
  const tiles = tilesOf(1200);
  // A log keeps the partial tiles of sizes that it has signed; wider ones of the same place serve as well.
  const read = async ({ level, index }: Tile) =>
    [...tiles].find(([path]) => path.startsWith(tilePath({ level, index, width: 256 })))?.[1] ??
    new Uint8Array();
  await fc.assert(
    fc.asyncProperty(fc.integer({ min: 1, max: 1200 }), fc.integer({ min: 1, max: 1200 }), async (a, b) => {
      const [oldSize, size] = [Math.min(a, b), Math.max(a, b)];
      const [oldRoot, root] = await Promise.all([rootOf(read, oldSize), rootOf(read, size)]);
      expect(root).toEqual(rootAt(size));
      const proof = await consistencyProofOf(read, oldSize, size);
      expect(await isConsistent(primitives, { oldSize, oldRoot, size, root, proof })).toBe(true);
    }),
    { numRuns: 20 },
  );
});

test('a tile that is too short, or no number of hashes, is told', async () => {
  for (const bytes of [new Uint8Array(HASH_BYTES), new Uint8Array(2 * HASH_BYTES + 1), new Uint8Array()])
    await expect(rootOf(async () => bytes, 2)).rejects.toThrow(
      expect.objectContaining({ code: 'tileMalformed' }),
    );
  await expect(rootOf(async () => new Uint8Array(2 * HASH_BYTES), 2)).resolves.toHaveLength(HASH_BYTES);
});
