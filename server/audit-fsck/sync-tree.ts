/**
 * A Merkle tree that grows by a leaf at a time, as `protocol/audit/growing-tree.ts` does, without a promise for each hash: a
 * million leaves take two million hashes, and a promise takes as long as one of them. Hashes are in hex here, as bytes of their own
 * would take as long again.
 */
import { hash } from 'node:crypto';

/** Of tiles, two to their width. */
const TILE_HEIGHT = 8;

/** 64 lower-case hexadecimal digits. */
export type Hash = string;

/** A hash that tiles have above level 0. */
export interface UpperHash {
  readonly level: number;
  readonly place: number;
  readonly hash: Hash;
}

let leaf = Buffer.alloc(4096);

/** SHA-256( 00 || entry ) */
export function leafHashNow(entry: Uint8Array): Hash {
  if (leaf.length <= entry.length) leaf = Buffer.alloc(2 * entry.length);
  leaf.set(entry, 1);
  return hash('sha256', leaf.subarray(0, entry.length + 1), 'hex');
}

/** Of the UTF-8 of this text. */
export function leafHashOfText(entry: string): Hash {
  if (leaf.length <= 3 * entry.length) leaf = Buffer.alloc(6 * entry.length);
  const end = 1 + leaf.write(entry, 1);
  return hash('sha256', leaf.subarray(0, end), 'hex');
}

const node = Buffer.alloc(65, 1);

/** SHA-256( 01 || left || right ) */
function nodeHashNow(left: Hash, right: Hash): Hash {
  node.write(left, 1, 'hex');
  node.write(right, 33, 'hex');
  return hash('sha256', node, 'hex');
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
    let root = this.#whole.at(-1) ?? hash('sha256', new Uint8Array(), 'hex');
    for (let at = this.#whole.length - 2; at >= 0; at -= 1) root = nodeHashNow(this.#whole[at] as Hash, root);
    return root;
  }
}
