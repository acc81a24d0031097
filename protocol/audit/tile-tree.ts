/**
 * Roots and proofs of a log out of its tiles: RFC 6962, 2.1, over C2SP tlog-tiles. A tree of a million leaves has a proof of
 * twenty hashes, for which three tiles are read and a few hundred hashes made.
 */
import { primitives } from '#primitives';
import { leftSize, nodeHash } from '../merkle.ts';
import { HanseError } from '../problem.ts';
import { GrowingTree, wholeSubtrees } from './growing-tree.ts';
import { TILE_WIDTH, type Tile, tileAt, tilePath } from './tile.ts';

export const HASH_BYTES = 32;
/** Of tiles, two to their width. */
const TILE_HEIGHT = 8;

/** Gives the bytes of a tile, or of a wider one of the same place. May be called for the same tile again. */
export type ReadTile = (tile: Tile) => Promise<Uint8Array>;

/** Of a log of this size. Of none it is the hash of nothing. */
export async function rootOf(read: ReadTile, size: number): Promise<Uint8Array> {
  return size === 0 ? primitives.sha256(new Uint8Array()) : hashOf(reading(read, size), 0, size);
}

/**
 * That the leaf of this index is in the log of this size, from the bottom to the top: RFC 6962, 2.1.1.
 * Throws RangeError for an index of none.
 */
export async function inclusionProofOf(read: ReadTile, index: number, size: number): Promise<Uint8Array[]> {
  return inclusionProver(read, size)(index);
}

/** The same of many leaves of one log: what their proofs have in common is read and hashed once. Keeps all of it. */
export function inclusionProver(read: ReadTile, size: number): (index: number) => Promise<Uint8Array[]> {
  const tree = reading(read, size);
  return (index) => inclusionIn(tree, index);
}

async function inclusionIn(tree: Tree, index: number): Promise<Uint8Array[]> {
  const { size } = tree;
  if (!(Number.isInteger(index) && index >= 0 && index < size))
    throw new RangeError(`leaf ${index} of ${size}`);
  const hashes: Promise<Uint8Array>[] = [];
  let [start, end] = [0, size];
  while (end - start > 1) {
    const cut = start + leftSize(end - start);
    hashes.push(index < cut ? hashOf(tree, cut, end) : hashOf(tree, start, cut));
    if (index < cut) end = cut;
    else start = cut;
  }
  return (await Promise.all(hashes)).reverse();
}

/**
 * That the log of this size goes on from that of the old one: RFC 6962, 2.1.2. None from a log without leaves, and none to itself.
 * Throws RangeError for an old size that is not in 0..size.
 */
export async function consistencyProofOf(
  read: ReadTile,
  oldSize: number,
  size: number,
): Promise<Uint8Array[]> {
  if (!(Number.isInteger(oldSize) && oldSize >= 0 && oldSize <= size))
    throw new RangeError(`an old size of ${oldSize} for ${size}`);
  if (oldSize === 0 || oldSize === size) return [];
  const tree = reading(read, size);
  const hashes: Promise<Uint8Array>[] = [];
  let [start, end] = [0, size];
  // Whether the older tree ends with a whole subtree that begins where it does.
  while (end !== oldSize) {
    const cut = start + leftSize(end - start);
    if (oldSize <= cut) {
      hashes.push(hashOf(tree, cut, end));
      end = cut;
    } else {
      hashes.push(hashOf(tree, start, cut));
      start = cut;
    }
  }
  if (start > 0) hashes.push(hashOf(tree, start, end));
  return (await Promise.all(hashes)).reverse();
}

/** The tree that a log of this size is, to be grown on. */
export async function treeOf(read: ReadTile, size: number): Promise<GrowingTree> {
  const tree = reading(read, size);
  const whole = [...wholeSubtrees(size)].map(({ start, end }) => hashOf(tree, start, end));
  return new GrowingTree(size, await Promise.all(whole));
}

interface Tree {
  readonly size: number;
  /** Each tile once. */
  readonly tile: (tile: Tile) => Promise<Uint8Array>;
  /** Of parts, each once. */
  readonly hashes: Map<string, Promise<Uint8Array>>;
}

function reading(read: ReadTile, size: number): Tree {
  const known = new Map<string, Promise<Uint8Array>>();
  return {
    size,
    hashes: new Map(),
    tile(tile) {
      const path = tilePath(tile);
      const found = known.get(path) ?? checked(read, tile);
      known.set(path, found);
      return found;
    },
  };
}

async function checked(read: ReadTile, tile: Tile): Promise<Uint8Array> {
  const bytes = await read(tile);
  if (bytes.length % HASH_BYTES !== 0 || bytes.length < tile.width * HASH_BYTES)
    throw new HanseError('tileMalformed', { tile: tilePath(tile), reason: `${bytes.length} bytes` });
  return bytes.subarray(0, tile.width * HASH_BYTES);
}

/** The root over leaves `start` to `end - 1`, a part as the tree is cut into. */
function hashOf(tree: Tree, start: number, end: number): Promise<Uint8Array> {
  const part = `${start}-${end}`;
  const hash = tree.hashes.get(part) ?? makeHash(tree, start, end);
  tree.hashes.set(part, hash);
  return hash;
}

async function makeHash(tree: Tree, start: number, end: number): Promise<Uint8Array> {
  const height = Math.log2(end - start);
  if (!Number.isInteger(height)) {
    const cut = start + leftSize(end - start);
    const [left, right] = await Promise.all([hashOf(tree, start, cut), hashOf(tree, cut, end)]);
    return nodeHash(primitives, left, right);
  }
  // A whole subtree lies within one tile, below its topmost level unless it is that of a full one.
  const level = Math.floor(height / TILE_HEIGHT);
  const hashes = 2 ** (height - level * TILE_HEIGHT);
  const place = start / TILE_WIDTH ** level;
  const bytes = await tree.tile(tileAt(level, place, tree.size));
  const from = (place % TILE_WIDTH) * HASH_BYTES;
  return combine(bytes.subarray(from, from + hashes * HASH_BYTES));
}

/** The root over hashes that stand one after the other, a power of two of them: of a full tile, its hash in the tile above. */
export async function combine(hashes: Uint8Array): Promise<Uint8Array> {
  if (hashes.length === HASH_BYTES) return hashes.slice();
  const half = hashes.length / 2;
  const left = await combine(hashes.subarray(0, half));
  return nodeHash(primitives, left, await combine(hashes.subarray(half)));
}
