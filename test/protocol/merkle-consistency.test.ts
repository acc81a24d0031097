import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, test } from 'vitest';
import { primitives } from '#primitives';
import { concatBytes, utf8 } from '../../protocol/bytes.ts';
import { isIncluded, leafHash, leftSize, treeRoot } from '../../protocol/merkle.ts';
import { isConsistent, isIncludedInPart, isPart, isSubtree } from '../../protocol/merkle-consistency.ts';

const leaves = await Promise.all(
  Array.from({ length: 40 }, (_, i) => leafHash(primitives, utf8(`leaf ${i}`))),
);
const root = (from: number, to: number) => treeRoot(primitives, leaves.slice(from, to));

/** SUBPROOF of RFC 6962, 2.1.2, as it is written: of the first `old` of these leaves. */
async function proofOf(old: number, from: number, to: number, isWhole = true): Promise<Uint8Array[]> {
  if (old === to - from) return isWhole ? [] : [await root(from, to)];
  const cut = leftSize(to - from);
  return old <= cut
    ? [...(await proofOf(old, from, from + cut, isWhole)), await root(from + cut, to)]
    : [...(await proofOf(old - cut, from + cut, to, false)), await root(from, from + cut)];
}

const flipped = (hash: Uint8Array) => hash.map((byte, at) => (at === 31 ? byte ^ 1 : byte));

test('each tree is proved to be how a larger one began; no other sizes, roots or hashes are', async () => {
  for (const size of [...Array(18).keys(), 31, 32, 33, 40])
    for (let oldSize = 1; oldSize <= size; oldSize += 1) {
      const proof = await proofOf(oldSize, 0, size);
      const claim = { oldSize, oldRoot: await root(0, oldSize), size, root: await root(0, size), proof };
      expect(await isConsistent(primitives, claim), `${oldSize} of ${size}`).toBe(true);
      const wrong = [
        { ...claim, oldRoot: flipped(claim.oldRoot) },
        { ...claim, root: flipped(claim.root) },
        { ...claim, proof: [...proof, claim.root] },
        { ...claim, oldSize: size + 1 },
        ...proof.map((_, at) => ({ ...claim, proof: proof.with(at, flipped(proof[at] as Uint8Array)) })),
        ...proof.map((_, at) => ({ ...claim, proof: proof.toSpliced(at, 1) })),
      ];
      for (const one of wrong) expect(await isConsistent(primitives, one)).toBe(false);
    }
});

test('of no leaves nothing is proved, and sizes that are none are refused', async () => {
  const [nothing, one] = [await root(0, 0), await root(0, 1)];
  const claim = { oldSize: 1, oldRoot: one, size: 1, root: one, proof: [] };
  expect(await isConsistent(primitives, claim)).toBe(true);
  expect(await isConsistent(primitives, { ...claim, oldSize: 0, oldRoot: nothing })).toBe(false);
  for (const size of [-1, 0.5, Number.NaN, 2 ** 53, Number.POSITIVE_INFINITY])
    for (const sizes of [{ size }, { oldSize: size }, { size, oldSize: size }])
      expect(await isConsistent(primitives, { ...claim, ...sizes })).toBe(false);
  const two = { ...claim, size: 2, root: await root(0, 2), proof: [leaves[1] as Uint8Array] };
  expect(await isConsistent(primitives, two)).toBe(true);
  expect(await isConsistent(primitives, { ...two, oldRoot: one.subarray(1) })).toBe(false);
});

test('what is not of the length of a hash proves nothing, though the same bytes are hashed', async () => {
  const [left, right] = leaves.slice(0, 2) as [Uint8Array, Uint8Array];
  const claim = { oldSize: 1, oldRoot: left, size: 2, root: await root(0, 2), proof: [right] };
  expect(await isConsistent(primitives, claim)).toBe(true);
  const both = concatBytes(left, right);
  for (const cut of [0, 31, 33, 64]) {
    const moved = { ...claim, oldRoot: both.slice(0, cut), proof: [both.slice(cut)] };
    expect(await isConsistent(primitives, moved), `${cut}`).toBe(false);
  }
  // A tree that is as large has no proof, and is not the half of another one.
  const whole = { ...claim, oldSize: 2, oldRoot: claim.root, proof: [] };
  expect(await isConsistent(primitives, whole)).toBe(true);
  for (const [oldRoot, beside] of [
    [left, right],
    [right, left],
  ] as const)
    expect(await isConsistent(primitives, { ...claim, oldSize: 1, size: 1, oldRoot, proof: [beside] })).toBe(
      false,
    );
});

test('a subtree begins at a multiple of the power of two that holds it', () => {
  expect([isSubtree(0, 13), isSubtree(8, 13), isSubtree(12, 13), isSubtree(5, 5)]).toEqual(
    Array(4).fill(true),
  );
  expect([
    isSubtree(1, 3),
    isSubtree(4, 9),
    isSubtree(3, 2),
    isSubtree(-4, 0),
    isSubtree(0, 2 ** 53),
  ]).toEqual(Array(5).fill(false));
});

const VECTORS = fileURLToPath(new URL('../../../shared/vectors/merkle/', import.meta.url));

interface Vector {
  readonly [number: string]: number;
  // Their names tell what they are.
}
interface VectorHashes {
  readonly root: string;
  readonly root1: string;
  readonly root2: string;
  readonly leafHash: string;
  readonly proof: readonly string[] | null;
  readonly wantErr: boolean;
}

const decode = (text: string) => new Uint8Array(Buffer.from(text, 'base64'));
const KINDS: Readonly<Record<string, (vector: Vector & VectorHashes) => Promise<boolean>>> = {
  inclusion: ({ leafIdx: index = -1, treeSize: size = -1, ...rest }) =>
    isIncluded(
      primitives,
      { leaf: decode(rest.leafHash), index, size, proof: hashes(rest) },
      decode(rest.root),
    ),
  consistency: ({ size1: oldSize = -1, size2: size = -1, root1, root2, ...rest }) =>
    isConsistent(primitives, {
      ...{ oldSize, size, proof: hashes(rest) },
      ...{ oldRoot: decode(root1), root: decode(root2) },
    }),
  subtreeinclusion: ({ leafIdx: index = -1, start = -1, end = -1, ...rest }) =>
    isIncludedInPart(
      primitives,
      { leaf: decode(rest.leafHash), index, start, end, proof: hashes(rest) },
      decode(rest.root),
    ),
  subtreeconsistency: ({ start = -1, end = -1, size = -1, root1, root2, ...rest }) =>
    isPart(primitives, { start, end, size, proof: hashes(rest), part: decode(root1), root: decode(root2) }),
};
const hashes = ({ proof }: Pick<VectorHashes, 'proof'>) => (proof ?? []).map(decode);

describe.skipIf(!existsSync(VECTORS))(
  'vectors of transparency-dev (skipped where they are not there)',
  () => {
    test.each(Object.entries(KINDS))('%s', async (kind, verdictOf) => {
      const files = readdirSync(join(VECTORS, kind), { recursive: true, encoding: 'utf8' }).filter((file) =>
        file.endsWith('.json'),
      );
      const seen = new Set<boolean>();
      for (const file of files) {
        const vector = JSON.parse(readFileSync(join(VECTORS, kind, file), 'utf8'));
        const verdict = await verdictOf(vector);
        expect(verdict, file).toBe(!vector.wantErr);
        seen.add(verdict);
      }
      expect(seen.size).toBe(2);
    });
  },
);
