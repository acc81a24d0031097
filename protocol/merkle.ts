/**
 * Merkle trees: one hash for a list, and short proofs that something is in it. RFC 9162, 2.1.
 *
 *   leaf = SHA-256(00 || content),  node = SHA-256(01 || left || right);  the left part has the largest power of two of
 *   leaves that is below their number
 *
 * Proofs and sizes come from others: whatever they are, a verdict is reached in at most 53 steps. Pure.
 */
import { concatBytes, equalBytes } from './bytes.ts';
import type { Primitives } from './primitives.ts';

/** All that trees need of the primitives. */
export type Hashing = Pick<Primitives, 'sha256'>;

const LEAF = Uint8Array.of(0);
const NODE = Uint8Array.of(1);

/** 32 bytes. */
export function leafHash(primitives: Hashing, content: Uint8Array): Promise<Uint8Array> {
  return primitives.sha256(concatBytes(LEAF, content));
}

/** 32 bytes. */
export function nodeHash(primitives: Hashing, left: Uint8Array, right: Uint8Array): Promise<Uint8Array> {
  return primitives.sha256(concatBytes(NODE, left, right));
}

/** Of leaf hashes, in order; of none it is the hash of nothing. 32 bytes. */
export async function treeRoot(primitives: Hashing, leaves: readonly Uint8Array[]): Promise<Uint8Array> {
  const [first] = leaves;
  if (first === undefined) return primitives.sha256(new Uint8Array());
  if (leaves.length === 1) return first;
  const cut = leftSize(leaves.length);
  const left = await treeRoot(primitives, leaves.slice(0, cut));
  return nodeHash(primitives, left, await treeRoot(primitives, leaves.slice(cut)));
}

/** That the leaf of this index is among these, from the bottom to the top. Throws RangeError for an index of none. */
export async function inclusionProof(
  primitives: Hashing,
  leaves: readonly Uint8Array[],
  index: number,
): Promise<Uint8Array[]> {
  if (!Number.isInteger(index) || index < 0 || index >= leaves.length)
    throw new RangeError(`leaf ${index} of ${leaves.length}`);
  if (leaves.length === 1) return [];
  const cut = leftSize(leaves.length);
  const [left, right] = [leaves.slice(0, cut), leaves.slice(cut)];
  return index < cut
    ? [...(await inclusionProof(primitives, left, index)), await treeRoot(primitives, right)]
    : [...(await inclusionProof(primitives, right, index - cut)), await treeRoot(primitives, left)];
}

/** The root, and the proof of every leaf, from the bottom to the top: for a list that is told to all in it. */
export async function treeWithProofs(
  primitives: Hashing,
  leaves: readonly Uint8Array[],
): Promise<{ readonly root: Uint8Array; readonly proofs: readonly Uint8Array[][] }> {
  if (leaves.length < 2) return { root: await treeRoot(primitives, leaves), proofs: leaves.map(() => []) };
  const cut = leftSize(leaves.length);
  const left = await treeWithProofs(primitives, leaves.slice(0, cut));
  const right = await treeWithProofs(primitives, leaves.slice(cut));
  for (const proof of left.proofs) proof.push(right.root);
  for (const proof of right.proofs) proof.push(left.root);
  const root = await nodeHash(primitives, left.root, right.root);
  return { root, proofs: [...left.proofs, ...right.proofs] };
}

/** What is claimed of a leaf; attacker-controlled. */
export interface Inclusion {
  readonly leaf: Uint8Array;
  readonly index: number;
  /** Of the tree, in leaves. */
  readonly size: number;
  readonly proof: readonly Uint8Array[];
}

/** Whether the proof leads from the leaf to this root. RFC 9162, 2.1.3.2. */
export async function isIncluded(
  primitives: Hashing,
  { leaf, index, size, proof }: Inclusion,
  root: Uint8Array,
): Promise<boolean> {
  if (!Number.isSafeInteger(index) || !Number.isSafeInteger(size) || index < 0 || index >= size) return false;
  if ([leaf, root, ...proof].some((hash) => hash.length !== 32)) return false;
  let [at, last] = [index, size - 1];
  let hash = leaf;
  for (const beside of proof) {
    if (last === 0) return false;
    if (at % 2 === 1 || at === last) {
      hash = await nodeHash(primitives, beside, hash);
      // Where there is no right neighbour, the node moves up as it is.
      while (at % 2 === 0 && at > 0) [at, last] = [at / 2, Math.floor(last / 2)];
    } else hash = await nodeHash(primitives, hash, beside);
    [at, last] = [Math.floor(at / 2), Math.floor(last / 2)];
  }
  return last === 0 && equalBytes(hash, root);
}

/** The largest power of two below `size`, which is at least 2. */
export function leftSize(size: number): number {
  let left = 1;
  while (2 * left < size) left *= 2;
  return left;
}
