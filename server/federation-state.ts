/**
 * A federation as the fold of its events: organisations, members, invites, and the versions of the directory.
 * SPEC.md section 4. Synchronous; what an event must be checked for cryptographically was checked before it was written.
 */
import { hexBytes } from '../protocol/bytes.ts';
import type { DataSetChange } from '../schemas/data-set-change.ts';
import type { DirectoryNode, DirectoryVersion } from '../schemas/directory.ts';
import type { FederationEvent } from '../schemas/federation-event.ts';
import type { NodeId, OrganisationId } from '../schemas/ids.ts';
import type { Capabilities, Role } from '../schemas/member.ts';
import type { LedgerHead } from '../schemas/privacy-ledger.ts';
import { foldPeople, NO_PEOPLE, type PeopleState } from './people/people-state.ts';

export interface KnownMember {
  readonly nodeId: NodeId;
  readonly publicKey: Uint8Array;
  readonly name: string;
  readonly role: Role;
  readonly organisationId: string;
  readonly enrolledAt: string;
  readonly capabilities: Capabilities | null;
  /** Where its privacy ledger ended when it told that last. */
  readonly ledger: LedgerHead | null;
  /** Changes of its data sets that it has told: `changeKey`. */
  readonly changes: ReadonlySet<string>;
  /** As it stands in the directory. */
  readonly entry: DirectoryNode;
}

export interface KnownOrganisation {
  readonly organisationId: OrganisationId;
  /** Hex. */
  readonly publicKey: string;
  readonly addedAt: string;
  readonly revokedAt: string | null;
  /** In the order in which they came. */
  readonly nodes: readonly NodeId[];
}

export interface KnownInvite {
  readonly role: Role;
  readonly organisationId: string;
  readonly expiresAt: string;
  readonly needsApproval: boolean;
  readonly by: NodeId;
  readonly spentBy: NodeId | null;
}

type EnrolmentEvent = Extract<FederationEvent, { type: 'memberEnrolled' | 'enrolmentRequested' }>;

/** Somebody who has used an invite that needs approval. */
export interface KnownRequest extends Omit<EnrolmentEvent, 'type' | 'tokenSha256'> {
  readonly requestedAt: string;
  /** One that was approved is a member, and no request any more. */
  readonly isRefused: boolean;
}

export interface FederationState {
  readonly federationId: string | null;
  readonly coordinatorKey: string | null;
  readonly organisations: ReadonlyMap<OrganisationId, KnownOrganisation>;
  readonly members: ReadonlyMap<NodeId, KnownMember>;
  readonly requests: ReadonlyMap<NodeId, KnownRequest>;
  readonly invites: ReadonlyMap<string, KnownInvite>;
  /** From version 1. */
  readonly directory: readonly DirectoryVersion[];
  /** Of the statement of the last version. */
  readonly directorySha256: string | null;
  readonly people: PeopleState;
}

export const NO_FEDERATION: FederationState = {
  federationId: null,
  coordinatorKey: null,
  organisations: new Map(),
  members: new Map(),
  requests: new Map(),
  invites: new Map(),
  directory: [],
  directorySha256: null,
  people: NO_PEOPLE,
};

/** Whether the event needs a new version of the directory. */
export function changesDirectory({ type }: FederationEvent): boolean {
  return DIRECTORY_EVENTS.has(type);
}

const DIRECTORY_EVENTS: ReadonlySet<FederationEvent['type']> = new Set<FederationEvent['type']>([
  'memberEnrolled',
  'enrolmentApproved',
  'keySucceeded',
  'memberRevoked',
  'organisationRevoked',
]);

/** Throws for an event that cannot follow upon this state. @param at RFC 3339 */
export function foldFederation(state: FederationState, event: FederationEvent, at: string): FederationState {
  const isFounding = event.type === 'federationCreated';
  if (isFounding !== (state.federationId === null))
    throw new Error(
      isFounding ? 'it founds the federation again' : 'the stream does not begin with federationCreated',
    );
  switch (event.type) {
    case 'federationCreated':
      return { ...state, federationId: event.federationId, coordinatorKey: event.coordinatorKey };
    case 'inviteCreated': {
      const { role, organisationId, expiresAt, needsApproval, by } = event;
      const invite = { role, organisationId, expiresAt, needsApproval, by, spentBy: null };
      return { ...state, invites: new Map(state.invites).set(event.tokenSha256, invite) };
    }
    case 'memberEnrolled':
      return spendInvite(addMember(state, event, at), event);
    case 'enrolmentRequested': {
      const { type: _, tokenSha256: __, ...request } = event;
      const known = { ...request, requestedAt: at, isRefused: false };
      const requests = new Map(state.requests).set(event.nodeId, known);
      return spendInvite({ ...state, requests }, event);
    }
    case 'enrolmentApproved': {
      const request = waiting(state, event.nodeId);
      const requests = new Map(state.requests);
      requests.delete(event.nodeId);
      return addMember({ ...state, requests }, request, at);
    }
    case 'enrolmentRefused': {
      const request = { ...waiting(state, event.nodeId), isRefused: true };
      return { ...state, requests: new Map(state.requests).set(event.nodeId, request) };
    }
    case 'keySucceeded':
      return succeedKey(state, event, at);
    case 'memberRevoked': {
      const member = memberOf(state, event.nodeId);
      if (member.entry.revokedAt !== null) throw new Error('it revokes a node again');
      return withEntry(state, member, { revokedAt: at });
    }
    case 'organisationRevoked':
      return revokeOrganisation(state, event.organisationId, at);
    case 'directoryIssued': {
      const { statement } = event.version;
      if (statement.version !== state.directory.length + 1)
        throw new Error('a version of the directory is missing');
      if (statement.previousSha256 !== state.directorySha256)
        throw new Error('the version of the directory does not follow from the one before it');
      return { ...state, directory: [...state.directory, event.version], directorySha256: event.sha256 };
    }
    case 'capabilitiesReported': {
      const member = memberOf(state, event.nodeId);
      const { capabilities } = event;
      const reported = { ...member, capabilities, ledger: capabilities.ledger?.head ?? member.ledger };
      return { ...state, members: new Map(state.members).set(event.nodeId, reported) };
    }
    case 'dataSetChanged': {
      const member = memberOf(state, event.nodeId);
      const changed = { ...member, changes: new Set(member.changes).add(changeKey(event)) };
      return { ...state, members: new Map(state.members).set(event.nodeId, changed) };
    }
    default:
      return { ...state, people: foldPeople(state.people, event, at) };
  }
}

/** One for each version that a data set is given up for. */
export function changeKey({ name, oldVersion }: Pick<DataSetChange, 'name' | 'oldVersion'>): string {
  return `${oldVersion} ${name}`;
}

function addMember(
  state: FederationState,
  enrolment: Omit<EnrolmentEvent, 'type' | 'tokenSha256'>,
  at: string,
): FederationState {
  const { nodeId, publicKey, name, role, organisationId, organisationKey, signature } = enrolment;
  const proof = { type: 'admission', signature } as const;
  const entry = { nodeId, publicKey, role, proof, validFrom: at, validUntil: null, revokedAt: null };
  const known = state.organisations.get(organisationId);
  if (known && known.publicKey !== organisationKey) throw new Error('it gives an organisation another key');
  const organisation = known ?? {
    organisationId,
    publicKey: organisationKey,
    addedAt: at,
    revokedAt: null,
    nodes: [],
  };
  return addNode(state, organisation, {
    nodeId,
    publicKey: hexBytes(publicKey),
    name,
    role,
    organisationId,
    enrolledAt: at,
    capabilities: null,
    ledger: null,
    changes: new Set(),
    entry,
  });
}

function succeedKey(
  state: FederationState,
  { nodeId, publicKey, succession, validUntil }: Extract<FederationEvent, { type: 'keySucceeded' }>,
  at: string,
): FederationState {
  const old = memberOf(state, succession.from);
  if (old.entry.validUntil !== null) throw new Error('it replaces a key again');
  const organisation = state.organisations.get(old.organisationId);
  if (!organisation) throw new Error('it names no organisation');
  const proof = { type: 'succession', ...succession } as const;
  const { role } = old;
  const entry = { nodeId, publicKey, role, proof, validFrom: at, validUntil: null, revokedAt: null };
  return addNode(withEntry(state, old, { validUntil }), organisation, {
    ...old,
    nodeId,
    publicKey: hexBytes(publicKey),
    entry,
  });
}

function addNode(
  state: FederationState,
  organisation: KnownOrganisation,
  member: KnownMember,
): FederationState {
  const { nodeId } = member;
  if (state.members.has(nodeId)) throw new Error('it enrols a member again');
  if (organisation.revokedAt !== null) throw new Error('it enrols a node of a revoked organisation');
  const grown = { ...organisation, nodes: [...organisation.nodes, nodeId] };
  return {
    ...state,
    members: new Map(state.members).set(nodeId, member),
    organisations: new Map(state.organisations).set(organisation.organisationId, grown),
  };
}

/** With the organisation all its nodes are revoked. */
function revokeOrganisation(state: FederationState, organisationId: string, at: string): FederationState {
  const organisation = state.organisations.get(organisationId);
  if (!organisation) throw new Error('it names no organisation');
  if (organisation.revokedAt !== null) throw new Error('it revokes an organisation again');
  const organisations = new Map(state.organisations).set(organisationId, { ...organisation, revokedAt: at });
  let after: FederationState = { ...state, organisations };
  for (const nodeId of organisation.nodes) {
    const member = memberOf(after, nodeId);
    if (member.entry.revokedAt === null) after = withEntry(after, member, { revokedAt: at });
  }
  return after;
}

function spendInvite(
  state: FederationState,
  { nodeId, tokenSha256 }: Pick<EnrolmentEvent, 'nodeId' | 'tokenSha256'>,
): FederationState {
  if (tokenSha256 === null) return state;
  const invite = state.invites.get(tokenSha256);
  if (!invite) throw new Error('it names an invite that was never made');
  if (invite.spentBy !== null) throw new Error('it names an invite that was spent before');
  return { ...state, invites: new Map(state.invites).set(tokenSha256, { ...invite, spentBy: nodeId }) };
}

function withEntry(
  state: FederationState,
  member: KnownMember,
  change: Partial<DirectoryNode>,
): FederationState {
  const changed = { ...member, entry: { ...member.entry, ...change } };
  return { ...state, members: new Map(state.members).set(member.nodeId, changed) };
}

function memberOf({ members }: FederationState, nodeId: NodeId): KnownMember {
  const member = members.get(nodeId);
  if (!member) throw new Error('it names no member');
  return member;
}

function waiting({ requests }: FederationState, nodeId: NodeId): KnownRequest {
  const request = requests.get(nodeId);
  if (!request || request.isRefused) throw new Error('it names no enrolment that waits');
  return request;
}
