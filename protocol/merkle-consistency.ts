/**
 * That one Merkle tree, or a subtree of it, is part of a larger one. RFC 9162, 2.1.4 for trees; subtrees and what is proved of
 * them: draft-ietf-plants-merkle-tree-certs-03, 4.1 to 4.4, of which a tree that begins at 0 is the case that the RFC has.
 *
 * Proofs and sizes come from others: whatever they are, a verdict is reached in at most 53 steps. Pure.
 */
import { equalBytes } from './bytes.ts';
import { type Hashing, type Inclusion, isIncluded, nodeHash } from './merkle.ts';

/** What is claimed of two trees; attacker-controlled. */
export interface Consistency {
  /** Leaves of the older tree, from 1 on: of an empty one nothing is to be proved. */
  readonly oldSize: number;
  readonly oldRoot: Uint8Array;
  readonly size: number;
  readonly root: Uint8Array;
  readonly proof: readonly Uint8Array[];
}

/** Whether the older tree is how the other one began. RFC 9162, 2.1.4.2. */
export function isConsistent(primitives: Hashing, { oldSize, oldRoot, ...tree }: Consistency) {
  if (oldSize === 0) return Promise.resolve(false);
  return isPart(primitives, { start: 0, end: oldSize, part: oldRoot, ...tree });
}

/** What is claimed of the leaves `start` to `end - 1` of a tree; attacker-controlled. */
export interface Part {
  readonly start: number;
  readonly end: number;
  /** The root over these leaves. */
  readonly part: Uint8Array;
  readonly size: number;
  readonly root: Uint8Array;
  readonly proof: readonly Uint8Array[];
}

/** Whether these leaves of the tree have this root. An empty part is one if it has the hash of nothing, and no proof. */
export async function isPart(primitives: Hashing, claim: Part): Promise<boolean> {
  const { start, end, part, size, root, proof } = claim;
  if (!Number.isSafeInteger(size) || !isSubtree(start, end) || end > size) return false;
  // What nothing is hashed with may be of any length: it is the same, or it is not.
  if (proof.length > 0 && [part, ...proof].some((hash) => hash.length !== 32)) return false;
  if (start === end) return proof.length === 0 && equalBytes(part, await primitives.sha256(new Uint8Array()));

  // First and last leaf of the part, and the last one of the tree, as the nodes above them.
  let [first, last, end_] = [start, end - 1, size - 1];
  const up = () => {
    [first, last, end_] = [half(first), half(last), half(end_)];
  };
  if (last === end_) while (first !== last) up();
  else while (first !== last && last % 2 === 1) up();

  const [seed, ...others] = first === last ? [part, ...proof] : proof;
  if (seed === undefined) return false;
  let [ofPart, ofTree] = [seed, seed];
  for (const beside of others) {
    if (end_ === 0) return false;
    if (last % 2 === 1 || last === end_) {
      if (first < last) ofPart = await nodeHash(primitives, beside, ofPart);
      ofTree = await nodeHash(primitives, beside, ofTree);
      // Where there is no right neighbour, the node moves up as it is.
      while (last % 2 === 0 && last > 0) up();
    } else ofTree = await nodeHash(primitives, ofTree, beside);
    up();
  }
  return end_ === 0 && equalBytes(ofPart, part) && equalBytes(ofTree, root);
}

/**
 * Whether these leaves may be a subtree: they begin at a multiple of the power of two that holds them all.
 * @param end of the first leaf that is not in it
 */
export function isSubtree(start: number, end: number): boolean {
  if (!Number.isSafeInteger(start) || !Number.isSafeInteger(end) || start < 0 || end < start) return false;
  let room = 1;
  while (room < end - start) room *= 2;
  return start % room === 0;
}

/** Whether the leaf is at this index of the tree, of which the subtree `start` to `end - 1` has this root. */
export function isIncludedInPart(
  primitives: Hashing,
  { index, start, end, ...claim }: Omit<Inclusion, 'size'> & { readonly start: number; readonly end: number },
  part: Uint8Array,
): Promise<boolean> {
  if (!isSubtree(start, end)) return Promise.resolve(false);
  return isIncluded(primitives, { ...claim, index: index - start, size: end - start }, part);
}

function half(node: number): number {
  return Math.floor(node / 2);
}
