/**
 * How membership ends, and how it passes to another key. SPEC.md sections 4.7 and 4.8.
 *
 * Each function decides upon a state of the federation and returns the events that follow, none where what is asked
 * for is so already. Nothing is written here.
 */
import { hexBytes } from '../protocol/bytes.ts';
import { nodeIdOf } from '../protocol/identity.ts';
import { isSuccession } from '../protocol/key-succession.ts';
import { isValidNode } from '../protocol/known-organisations.ts';
import { HanseError } from '../protocol/problem.ts';
import type { FederationEvent } from '../schemas/federation-event.ts';
import type { NodeId, OrganisationId } from '../schemas/ids.ts';
import type { SuccessionRequest } from '../schemas/member.ts';
import type { FederationState, KnownMember } from './federation-state.ts';

/** The organisation that runs the coordinator; the coordinator's key is its key. */
export const OPERATOR_ORGANISATION = 'operator';

/** Throws `memberRevoked`, or `keyRetired` once another key has taken the place of this one. @param at RFC 3339 */
export function requireValid({ nodeId, entry }: KnownMember, at: string): void {
  const { revokedAt, validUntil } = entry;
  if (revokedAt !== null) throw new HanseError('memberRevoked', { what: `node ${nodeId}`, since: revokedAt });
  if (!isValidNode(entry, at)) throw new HanseError('keyRetired', { since: validUntil ?? at });
}

/**
 * All keys of the node are revoked, those before this one and after: who has stolen one may have made the next.
 * Why nobody revokes itself: an operator that did would leave a federation that nobody can administer.
 * @throws `nodeUnknown`, `invalidFormat`
 */
export function decideRevocation(
  { members }: FederationState,
  nodeId: NodeId,
  reason: string,
  by: NodeId,
): FederationEvent[] {
  if (!members.has(nodeId)) throw new HanseError('nodeUnknown', { id: nodeId });
  const keys = keysOf(members, nodeId);
  if (keys.some((key) => key.nodeId === by))
    throw new HanseError('invalidFormat', { where: 'node', expected: 'another than who asks' });
  return keys
    .filter(({ entry }) => entry.revokedAt === null)
    .map((key) => ({ type: 'memberRevoked', nodeId: key.nodeId, reason, by }));
}

/** Throws `nodeUnknown`, `invalidFormat`. */
export function decideOrganisationRevocation(
  { organisations }: FederationState,
  organisationId: OrganisationId,
  reason: string,
  by: NodeId,
): FederationEvent[] {
  const organisation = organisations.get(organisationId);
  if (!organisation) throw new HanseError('nodeUnknown', { id: organisationId });
  if (organisationId === OPERATOR_ORGANISATION)
    throw new HanseError('invalidFormat', {
      where: 'organisation',
      expected: 'another than that of the operator',
    });
  return organisation.revokedAt === null ? [{ type: 'organisationRevoked', organisationId, reason, by }] : [];
}

/**
 * @param member whose key has signed the request
 * @param request attacker-controlled
 * @param at RFC 3339
 * @throws `signatureInvalid`, `identityDuplicate`, `memberRevoked`, `keyRetired`; `messageConflict` if another key was
 *   named before, or the key before this one is still valid
 */
export async function decideSuccession(
  { members, requests, organisations, federationId, coordinatorKey }: FederationState,
  member: KnownMember,
  { publicKey, byOld, byNew, overlapSeconds }: SuccessionRequest,
  at: string,
): Promise<FederationEvent[]> {
  const known = members.get(member.nodeId) ?? member;
  requireValid(known, at);
  const nodeId = await nodeIdOf(hexBytes(publicKey));
  const { entry } = known;
  const proof = members.get(nodeId)?.entry.proof;
  if (proof?.type === 'succession' && proof.from === member.nodeId) return [];
  const isTaken = [...organisations.values()].some((known) => known.publicKey === publicKey);
  if (proof || requests.has(nodeId) || isTaken)
    throw new HanseError('identityDuplicate', { what: `node ${nodeId}` });
  if (entry.validUntil !== null) throw new HanseError('messageConflict', { what: 'a successor' });
  // A node has two keys at most: with more it could be as many members as it likes.
  const before = entry.proof.type === 'succession' ? members.get(entry.proof.from) : undefined;
  if (before && isValidNode(before.entry, at))
    throw new HanseError('messageConflict', { what: 'a change of keys before the end of the last one' });
  const succession = { from: member.nodeId, byOld, byNew };
  const keys = { oldKey: entry.publicKey, newKey: publicKey };
  const pinned = { federationId: federationId ?? '', coordinatorKey: coordinatorKey ?? '' };
  if (!(await isSuccession(succession, keys, pinned)))
    throw new HanseError('signatureInvalid', { reason: 'the two keys do not name each other' });
  const validUntil = new Date(Date.parse(at) + overlapSeconds * 1000).toISOString();
  return [{ type: 'keySucceeded', nodeId, publicKey, succession, validUntil }];
}

/** The id that a node had before it changed its key for the first time. Looks at its own keys alone: it is asked often. */
export function firstKeyOf(members: ReadonlyMap<NodeId, KnownMember>, nodeId: NodeId): NodeId {
  let first = nodeId;
  for (;;) {
    const proof = members.get(first)?.entry.proof;
    if (proof?.type !== 'succession') return first;
    first = proof.from;
  }
}

/** The member and all whose place it has taken, or who have taken its place; the first key first. */
export function keysOf(members: ReadonlyMap<NodeId, KnownMember>, nodeId: NodeId): KnownMember[] {
  const successors = successorsOf(members.values());
  const keys: KnownMember[] = [];
  for (
    let key: NodeId | undefined = firstKeyOf(members, nodeId);
    key !== undefined;
    key = successors.get(key)
  ) {
    const member = members.get(key);
    if (member) keys.push(member);
  }
  return keys;
}

/** Members whose key another has replaced: while that one is there they are not chosen, so that no node counts twice. */
export function successorsOf(members: Iterable<KnownMember>): Map<NodeId, NodeId> {
  const successors = new Map<NodeId, NodeId>();
  for (const { nodeId, entry } of members)
    if (entry.proof.type === 'succession') successors.set(entry.proof.from, nodeId);
  return successors;
}
