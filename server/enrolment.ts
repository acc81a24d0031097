/**
 * Whether somebody may become a member, or must wait for the operator. SPEC.md section 4.3.
 *
 * Each function decides upon a state of the federation and returns the events that follow, none where what is asked
 * for is so already. Nothing is written here.
 */
import { isAdmitted } from '../protocol/admission.ts';
import { hexBytes } from '../protocol/bytes.ts';
import { nodeIdOf } from '../protocol/identity.ts';
import { HanseError } from '../protocol/problem.ts';
import type { FederationEvent } from '../schemas/federation-event.ts';
import type { NodeId } from '../schemas/ids.ts';
import type { EnrolmentRequest } from '../schemas/member.ts';
import type { FederationState, KnownInvite, KnownRequest } from './federation-state.ts';

/**
 * @param request attacker-controlled, but signed with the key it names
 * @param tokenSha256 of its token
 * @param at RFC 3339
 * @throws `inviteUnknown`, `inviteExpired`, `inviteSpent`, `identityDuplicate`, `memberRevoked` where the organisation
 *   is, `organisationKeyMismatch`, `admissionInvalid`
 */
export async function decideEnrolment(
  state: FederationState,
  request: EnrolmentRequest,
  tokenSha256: string,
  at: string,
): Promise<FederationEvent[]> {
  const nodeId = await nodeIdOf(hexBytes(request.publicKey));
  const invite = state.invites.get(tokenSha256);
  if (!invite) throw new HanseError('inviteUnknown');
  if (invite.spentBy === nodeId) return [];
  if (invite.spentBy !== null) throw new HanseError('inviteSpent');
  if (invite.expiresAt <= at) throw new HanseError('inviteExpired', { expiredAt: invite.expiresAt });
  const { members, people } = state;
  const inviter = members.get(invite.by)?.entry ?? people.people.get(invite.by);
  if (inviter?.revokedAt !== null) throw new HanseError('inviteUnknown');
  const { role, organisationId, needsApproval } = invite;
  const { publicKey, name, admission } = request;
  const { organisationKey, signature } = admission;
  if (state.requests.has(nodeId))
    throw new HanseError('identityDuplicate', { what: `node ${nodeId}, which waits` });
  await requireFresh(state, { nodeId, publicKey, organisationKey });
  requireOrganisation(state, invite, organisationKey);
  const pinned = { federationId: state.federationId ?? '', coordinatorKey: state.coordinatorKey ?? '' };
  if (!(await isAdmitted({ organisationId, publicKey, role }, pinned, admission)))
    throw new HanseError('admissionInvalid', {
      organisationId,
      reason: `it is not of this key as ${role} of ${organisationId}`,
    });
  const enrolment = {
    nodeId,
    publicKey,
    name,
    role,
    organisationId,
    organisationKey,
    signature,
    tokenSha256,
  };
  return [{ type: needsApproval ? 'enrolmentRequested' : 'memberEnrolled', ...enrolment }];
}

/** Throws `identityDuplicate` unless the key is that of nobody else, of whatever kind. */
async function requireFresh(
  { members, organisations }: FederationState,
  { nodeId, publicKey, organisationKey }: Pick<KnownRequest, 'nodeId' | 'publicKey' | 'organisationKey'>,
): Promise<void> {
  if (members.has(nodeId)) throw new HanseError('identityDuplicate', { what: `node ${nodeId}` });
  if (publicKey === organisationKey || members.has(await nodeIdOf(hexBytes(organisationKey))))
    throw new HanseError('identityDuplicate', { what: 'the key of the organisation is that of a node' });
  for (const known of organisations.values())
    if (known.publicKey === publicKey)
      throw new HanseError('identityDuplicate', { what: `organisation ${known.organisationId}` });
}

function requireOrganisation(
  { organisations }: FederationState,
  { organisationId }: Pick<KnownInvite, 'organisationId'>,
  organisationKey: string,
): void {
  const known = organisations.get(organisationId);
  if (known?.publicKey === organisationKey) {
    if (known.revokedAt !== null)
      throw new HanseError('memberRevoked', {
        what: `organisation ${organisationId}`,
        since: known.revokedAt,
      });
    return;
  }
  if (known)
    throw new HanseError('organisationKeyMismatch', {
      organisationId,
      known: known.publicKey,
      got: organisationKey,
    });
  for (const other of organisations.values())
    if (other.publicKey === organisationKey)
      throw new HanseError('identityDuplicate', { what: `organisation ${other.organisationId}` });
}

/** Throws `nodeUnknown`, and whatever has come to speak against it since it was asked for. */
export async function decideApproval(
  state: FederationState,
  nodeId: NodeId,
  by: NodeId,
): Promise<FederationEvent[]> {
  if (state.members.has(nodeId)) return [];
  const request = state.requests.get(nodeId);
  if (!request || request.isRefused) throw new HanseError('nodeUnknown', { id: nodeId });
  await requireFresh(state, request);
  requireOrganisation(state, request, request.organisationKey);
  return [{ type: 'enrolmentApproved', nodeId, by }];
}

/** Throws `nodeUnknown`. */
export function decideRefusal({ requests }: FederationState, nodeId: NodeId, by: NodeId): FederationEvent[] {
  const request = requests.get(nodeId);
  if (!request) throw new HanseError('nodeUnknown', { id: nodeId });
  return request.isRefused ? [] : [{ type: 'enrolmentRefused', nodeId, by }];
}
