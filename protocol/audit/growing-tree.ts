/**
 * A Merkle tree that grows by a leaf at a time: RFC 6962, 2.1. It knows the roots of the whole subtrees it is made of, one for
 * each bit of its size, which is all that is needed for its root and for the hashes of tiles.
 */
import { primitives } from '#primitives';
import { nodeHash } from '../merkle.ts';
import { TILE_WIDTH } from './tile.ts';

/** Of tiles, two to their width. */
const TILE_HEIGHT = 8;

/** A hash of a tile: of a leaf on level 0, of a full tile of the level below on the others. */
export interface TileHash {
  readonly level: number;
  /** In its level, from 0 on. */
  readonly place: number;
  readonly hash: Uint8Array;
}

export class GrowingTree {
  #size: number;
  /** Roots of whole subtrees from left to right, the largest first; as many as the size has bits. */
  readonly #whole: Uint8Array[];

  /**
   * @param whole of a tree of this size, from left to right: `wholeSubtrees` says which. Throws RangeError for another number.
   */
  constructor(size = 0, whole: readonly Uint8Array[] = []) {
    if (whole.length !== [...wholeSubtrees(size)].length)
      throw new RangeError(`${whole.length} for ${size} leaves`);
    this.#size = size;
    this.#whole = [...whole];
  }

  get size(): number {
    return this.#size;
  }

  /** A copy that grows by itself. */
  clone(): GrowingTree {
    return new GrowingTree(this.#size, this.#whole);
  }

  /** @returns what tiles gain by it, level 0 first */
  async add(leaf: Uint8Array): Promise<TileHash[]> {
    const gained: TileHash[] = [{ level: 0, place: this.#size, hash: leaf }];
    let hash = leaf;
    // As often as the size ends with a one bit, there is a whole subtree of that height to its left.
    for (let [height, rest] = [1, this.#size]; rest % 2 === 1; height += 1, rest = (rest - 1) / 2) {
      hash = await nodeHash(primitives, this.#whole.pop() as Uint8Array, hash);
      const level = height / TILE_HEIGHT;
      if (Number.isInteger(level))
        gained.push({ level, place: Math.floor(this.#size / TILE_WIDTH ** level), hash });
    }
    this.#whole.push(hash);
    this.#size += 1;
    return gained;
  }

  /** Of none it is the hash of nothing. */
  async root(): Promise<Uint8Array> {
    const last = this.#whole.at(-1);
    if (last === undefined) return primitives.sha256(new Uint8Array());
    let root = last;
    for (const left of this.#whole.slice(0, -1).reverse()) root = await nodeHash(primitives, left, root);
    return root;
  }
}

/** The whole subtrees of which a tree of this size is made, from left to right: `start` of the first leaf, `end` behind the last. */
export function* wholeSubtrees(size: number): Generator<{ readonly start: number; readonly end: number }> {
  for (let start = 0; start < size; ) {
    let width = 1;
    while (start + 2 * width <= size) width *= 2;
    yield { start, end: start + width };
    start += width;
  }
}
