/**
 * M6: whose updates are in the sum, with the root over them and, for each, the proof that its own is among them as it was
 * sent. SPEC.md 11.7.
 *
 *   leaf = H(00 || pid || SHA-256(body)), in the order of the roster; root and proofs as of RFC 9162
 */
import type { Survivors } from '../../schemas/secagg.ts';
import { concatBytes, hexBytes, toHex } from '../bytes.ts';
import { isIncluded, leafHash, treeWithProofs } from '../merkle.ts';
import type { Primitives } from '../primitives.ts';
import { HanseError } from '../problem.ts';
import type { Delivered } from './delivery.ts';
import { decodeSet, encodeSet } from './members.ts';
import type { AgreedRoster, Party } from './roster.ts';

type Hashing = Pick<Primitives, 'sha256'>;

/** What survivors consent to. */
export interface SurvivorSet {
  /** U3, ascending. */
  readonly members: readonly number[];
  readonly bits: Uint8Array;
  /** Over their updates, 32 bytes. */
  readonly root: Uint8Array;
}

/**
 * @param updates SHA-256 of the body of each survivor in hex, by index
 * @returns the set, and what each of them is told
 */
export async function describeSurvivors(
  primitives: Hashing,
  { parties }: AgreedRoster,
  updates: ReadonlyMap<number, string>,
): Promise<SurvivorSet & { readonly told: ReadonlyMap<number, Survivors> }> {
  const members = [...updates.keys()].sort((a, b) => a - b);
  const leaves = await Promise.all(
    members.map((index) => leafOf(primitives, parties[index] as Party, updates.get(index) as string)),
  );
  const { root, proofs } = await treeWithProofs(primitives, leaves);
  const bits = encodeSet(members, parties.length);
  const told = members.map((index, i) => {
    const proof = (proofs[i] ?? []).map(toHex);
    return [index, { members: toHex(bits), root: toHex(root), proof }] as const;
  });
  return { members, bits, root, told: new Map(told) };
}

/** What a participant holds the survivors against. */
export interface OwnUpload {
  readonly own: number;
  /** Of the body that it has sent, in hex. */
  readonly sha256: string;
}

/**
 * @param survivors attacker-controlled, of its schema
 * @throws `survivorsInvalid`, `updateLeftOut`, `survivorsTooFew`, `inclusionInvalid`
 */
export async function checkSurvivors(
  primitives: Hashing,
  { parties, descriptor }: AgreedRoster,
  delivered: Pick<Delivered, 'members'>,
  { own, sha256 }: OwnUpload,
  survivors: Survivors,
): Promise<SurvivorSet> {
  const bits = hexBytes(survivors.members);
  const members = decodeSet(bits, parties.length);
  if (!members) throw invalid('they are no set over the roster');
  const isDelivered = new Set(delivered.members);
  if (members.some((index) => !isDelivered.has(index)))
    throw invalid('one of them is among those whose shares did not come');
  if (!members.includes(own)) throw new HanseError('updateLeftOut', { round: descriptor.round });
  const needed = Math.max(descriptor.survivorsMinimum, descriptor.degree === null ? descriptor.threshold : 0);
  if (members.length < needed) throw new HanseError('survivorsTooFew', { needed, got: members.length });
  const root = hexBytes(survivors.root);
  const inclusion = {
    leaf: await leafOf(primitives, parties[own] as Party, sha256),
    index: members.indexOf(own),
    size: members.length,
    proof: survivors.proof.map(hexBytes),
  };
  if (!(await isIncluded(primitives, inclusion, root)))
    throw new HanseError('inclusionInvalid', { reason: 'the proof does not lead to the root' });
  return { members, bits, root };
}

function leafOf(primitives: Hashing, { id }: Party, sha256: string): Promise<Uint8Array> {
  return leafHash(primitives, concatBytes(id, hexBytes(sha256)));
}

function invalid(reason: string): HanseError<'survivorsInvalid'> {
  return new HanseError('survivorsInvalid', { reason });
}
