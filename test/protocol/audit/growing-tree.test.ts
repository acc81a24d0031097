import { describe, expect, test } from 'vitest';
import { primitives } from '#primitives';
import { GrowingTree, wholeSubtrees } from '../../../protocol/audit/growing-tree.ts';
import { newTiles, type Tile, tilePath } from '../../../protocol/audit/tile.ts';
import { rootOf, treeOf } from '../../../protocol/audit/tile-tree.ts';
import { concatBytes, utf8 } from '../../../protocol/bytes.ts';
import { leafHash, treeRoot } from '../../../protocol/merkle.ts';

const leaves = await Promise.all(
  Array.from({ length: 1100 }, (_, i) => leafHash(primitives, utf8(`leaf ${i}`))),
);

test('its root is that of the tree at each size, and of none that of nothing', async () => {
  const tree = new GrowingTree();
  expect(await tree.root()).toEqual(await treeRoot(primitives, []));
  for (const [at, leaf] of leaves.entries()) {
    await tree.add(leaf);
    expect(tree.size).toBe(at + 1);
    if (at < 70 || at % 64 > 61)
      expect(await tree.root()).toEqual(await treeRoot(primitives, leaves.slice(0, at + 1)));
  }
});

describe('what tiles gain', async () => {
  const levels: Uint8Array[][] = [];
  const tree = new GrowingTree();
  for (const leaf of leaves)
    for (const { level, place, hash } of await tree.add(leaf)) {
      const of = levels[level] ?? [];
      levels[level] = of;
      if (of.length !== place) throw new Error(`place ${place} of level ${level} out of turn`);
      of.push(hash);
    }
  const read = async ({ level, index, width }: Tile) =>
    concatBytes(...(levels[level as number] ?? []).slice(256 * index, 256 * index + width));

  test('is all that they need', async () => {
    expect(levels.map(({ length }) => length)).toEqual([1100, 4]);
    for (const tile of newTiles(0, 1100))
      if (tile.level !== 'entries') expect((await read(tile)).length, tilePath(tile)).toBe(32 * tile.width);
    expect(await rootOf(read, 1100)).toEqual(await tree.root());
  });

  test('is enough to go on from any size', async () => {
    for (const size of [0, 1, 2, 3, 255, 256, 257, 511, 512, 1024, 1099]) {
      const again = await treeOf(read, size);
      expect(await again.root()).toEqual(await treeRoot(primitives, leaves.slice(0, size)));
      for (const leaf of leaves.slice(size)) await again.add(leaf);
      expect(await again.root()).toEqual(await tree.root());
    }
  });
});

test('a copy grows by itself', async () => {
  const tree = new GrowingTree();
  for (const leaf of leaves.slice(0, 3)) await tree.add(leaf);
  const copy = tree.clone();
  await copy.add(leaves[3] as Uint8Array);
  expect([tree.size, copy.size]).toEqual([3, 4]);
  expect(await tree.root()).toEqual(await treeRoot(primitives, leaves.slice(0, 3)));
});

test('the whole subtrees of a size are its bits, and no other number of them makes a tree', () => {
  expect([...wholeSubtrees(13)]).toEqual([
    { start: 0, end: 8 },
    { start: 8, end: 12 },
    { start: 12, end: 13 },
  ]);
  expect(() => new GrowingTree(13, [])).toThrow(RangeError);
  expect(new GrowingTree(2, [leaves[0] as Uint8Array]).size).toBe(2);
});
