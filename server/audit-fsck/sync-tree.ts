/**
 * A Merkle tree that grows by a leaf at a time, as `protocol/audit/growing-tree.ts` does, without a promise for each hash: a
 * million leaves take two million hashes, and a promise takes as long as one of them.
 */
import { hash } from 'node:crypto';

/** Of tiles, two to their width. */
const TILE_HEIGHT = 8;

export type Hash = Uint8Array;

/** A hash that tiles have above level 0. */
export interface UpperHash {
  readonly level: number;
  readonly place: number;
  readonly hash: Hash;
}

let leaf = new Uint8Array(4096);

/** SHA-256( 00 || entry ) */
export function leafHashNow(entry: Uint8Array): Hash {
  if (leaf.length <= entry.length) leaf = new Uint8Array(2 * entry.length + 1);
  leaf.set(entry, 1);
  return hash('sha256', leaf.subarray(0, entry.length + 1), 'buffer');
}

const node = new Uint8Array(65);
node[0] = 1;

/** SHA-256( 01 || left || right ), both of 32 bytes */
function nodeHashNow(left: Hash, right: Hash): Hash {
  node.set(left, 1);
  node.set(right, 33);
  return hash('sha256', node, 'buffer');
}

export class SyncTree {
  #size: number;
  readonly #whole: Hash[];

  constructor(size = 0, whole: readonly Hash[] = []) {
    this.#size = size;
    this.#whole = [...whole];
  }

  clone(): SyncTree {
    return new SyncTree(this.#size, this.#whole);
  }

  /** @returns what tiles gain by it above level 0 */
  add(leafHash: Hash): UpperHash[] {
    const gained: UpperHash[] = [];
    let top = leafHash;
    for (let [height, rest] = [1, this.#size]; rest % 2 === 1; height += 1, rest = (rest - 1) / 2) {
      top = nodeHashNow(this.#whole.pop() as Hash, top);
      if (height % TILE_HEIGHT !== 0) continue;
      gained.push({ level: height / TILE_HEIGHT, place: Math.floor(this.#size / 2 ** height), hash: top });
    }
    this.#whole.push(top);
    this.#size += 1;
    return gained;
  }

  /** Of none it is the hash of nothing. */
  root(): Hash {
    let root = this.#whole.at(-1) ?? hash('sha256', new Uint8Array(), 'buffer');
    for (let at = this.#whole.length - 2; at >= 0; at -= 1) root = nodeHashNow(this.#whole[at] as Hash, root);
    return root;
  }
}
