/**
 * M2: whose keys came in time, signed by the coordinator. From here on everything names the context of this roster.
 * SPEC.md 11.7.
 *
 *   root = SHA-256( JCS(members) ),  ctx = H("ctx", rid, root)
 *   signature = Ed25519( "HSA1 roster" || 00 || rid || root )
 */
import type { Advertisement, Roster, RoundDescriptor } from '../../schemas/secagg.ts';
import { hexBytes, toHex, utf8 } from '../bytes.ts';
import { canonicalJson } from '../canonical.ts';
import type { Primitives, Signer } from '../primitives.ts';
import { HanseError } from '../problem.ts';
import { isSigned } from './advertisement.ts';
import { labelled, rosterContext } from './derivation.ts';

/** One of the roster, as bytes. */
export interface Party {
  readonly index: number;
  readonly nodeId: string;
  /** 16 bytes. */
  readonly id: Uint8Array;
  readonly publicKey: Uint8Array;
  readonly channelKey: Uint8Array;
  readonly maskKey: Uint8Array;
  readonly advertisement: Advertisement;
}

export interface AgreedRoster {
  readonly descriptor: RoundDescriptor;
  /** Id of the round, 32 bytes. */
  readonly round: Uint8Array;
  /** Ascending by node id. */
  readonly parties: readonly Party[];
  /** 32 bytes: every key and every share of the attempt belongs to it. */
  readonly context: Uint8Array;
}

/** Which public key the pinned directory has for a valid participant; undefined for anybody else. */
export type PinnedKeys = (nodeId: string) => string | undefined;

/** In the order of a roster. */
export function sortMembers(members: Iterable<Advertisement>): Advertisement[] {
  return [...members].sort((a, b) => (a.nodeId < b.nodeId ? -1 : 1));
}

/** Without any check: of members that whoever calls has checked, in the order of a roster. */
export async function agreeOn(
  primitives: Pick<Primitives, 'sha256'>,
  descriptor: RoundDescriptor,
  round: Uint8Array,
  members: readonly Advertisement[],
): Promise<AgreedRoster> {
  const parties = members.map((advertisement, index) => ({
    index,
    nodeId: advertisement.nodeId,
    id: hexBytes(advertisement.nodeId),
    publicKey: hexBytes(advertisement.publicKey),
    channelKey: hexBytes(advertisement.channelKey),
    maskKey: hexBytes(advertisement.maskKey),
    advertisement,
  }));
  const root = await rootOf(primitives, members);
  return { descriptor, round, parties, context: await rosterContext(primitives, round, root) };
}

export async function signRoster(
  primitives: Pick<Primitives, 'sha256'>,
  round: Uint8Array,
  members: readonly Advertisement[],
  coordinator: Signer,
): Promise<Roster> {
  const root = await rootOf(primitives, members);
  return { members: [...members], signature: toHex(await coordinator.sign(statement(round, root))) };
}

/**
 * For a participant: that the roster is the coordinator's, holds its own keys, and nobody else but participants that the
 * pinned directory has, each once and by its own signature.
 * @param roster attacker-controlled, of its schema
 * @param own what this node has sent
 * @throws `rosterInvalid`, `cohortTooSmall`, `thresholdTooLow`, `ownKeysAltered`, `rosterKeyDuplicate`, `identityUnpinned`
 */
export async function checkRoster(
  primitives: Pick<Primitives, 'sha256' | 'verify'>,
  descriptor: RoundDescriptor,
  round: Uint8Array,
  { members, signature }: Roster,
  own: Advertisement,
  pinned: PinnedKeys,
): Promise<AgreedRoster> {
  const { coordinatorKey, rosterMinimum, rosterMaximum, degree, threshold, colluders } = descriptor;
  const root = await rootOf(primitives, members);
  if (!(await primitives.verify(hexBytes(signature), statement(round, root), hexBytes(coordinatorKey))))
    throw invalid('its signature is not that of the pinned coordinator');
  if (members.some(({ nodeId }, i) => i > 0 && nodeId <= (members[i - 1]?.nodeId ?? '')))
    throw invalid('its members are not in ascending order');
  if (members.length > rosterMaximum) throw invalid(`${members.length} members, at most ${rosterMaximum}`);
  if (members.length < rosterMinimum)
    throw new HanseError('cohortTooSmall', { needed: rosterMinimum, got: members.length });
  // Two honest halves of a divided cohort must never both reach the threshold.
  const needed = Math.floor((degree ?? members.length + colluders) / 2) + 1;
  if (threshold < needed) throw new HanseError('thresholdTooLow', { threshold, needed });
  const mine = members.find(({ nodeId }) => nodeId === own.nodeId);
  if (!mine) throw new HanseError('ownKeysAltered', { reason: 'this node is not in the roster' });
  if (canonicalJson(mine) !== canonicalJson(own))
    throw new HanseError('ownKeysAltered', { reason: 'the roster has other keys for this node' });
  checkDistinct(members);
  for (const member of members)
    if (pinned(member.nodeId) !== member.publicKey)
      throw new HanseError('identityUnpinned', { nodeId: member.nodeId });
  // Where each has a few neighbours only, those are verified once they are known: `checkParty`.
  const agreed = await agreeOn(primitives, descriptor, round, members);
  if (degree === null) for (const party of agreed.parties) await checkParty(primitives, agreed, party);
  return agreed;
}

/** Throws `rosterInvalid` unless this one has signed its keys. */
export async function checkParty(
  primitives: Pick<Primitives, 'verify'>,
  { round }: AgreedRoster,
  { nodeId, advertisement }: Party,
): Promise<void> {
  if (!(await isSigned(primitives, round, advertisement)))
    throw invalid(`the keys of ${nodeId} are not signed by it`);
}

function checkDistinct(members: readonly Advertisement[]): void {
  const seen = new Set<string>();
  for (const { publicKey, channelKey, maskKey } of members)
    for (const [what, key] of [
      ['identity', publicKey],
      ['channel key', channelKey],
      ['mask key', maskKey],
    ] as const) {
      if (seen.has(key)) throw new HanseError('rosterKeyDuplicate', { what, key });
      seen.add(key);
    }
}

function rootOf(
  primitives: Pick<Primitives, 'sha256'>,
  members: readonly Advertisement[],
): Promise<Uint8Array> {
  return primitives.sha256(utf8(canonicalJson(members)));
}

function statement(round: Uint8Array, root: Uint8Array): Uint8Array {
  return labelled('roster', [round, root]);
}

function invalid(reason: string): HanseError<'rosterInvalid'> {
  return new HanseError('rosterInvalid', { reason });
}
