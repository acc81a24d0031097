/**
 * The events of a federation: who was invited, who became a member, who is one no more, and each version of the
 * directory. SPEC.md section 4.
 */
import { type Static, Type } from 'typebox';
import { DataSetChange } from './data-set-change.ts';
import { DirectoryVersion } from './directory.ts';
import { FederationId, NodeId, OrganisationId, PublicKey, Sha256, Signature, Timestamp } from './ids.ts';
import { Capabilities, DisplayName, Revocation, Role } from './member.ts';
import { KeySuccession } from './node-proof.ts';
import { PersonEvent } from './person-event.ts';

const closed = { additionalProperties: false } as const;

const FederationCreated = Type.Object(
  { type: Type.Literal('federationCreated'), federationId: FederationId, coordinatorKey: PublicKey },
  closed,
);
const InviteCreated = Type.Object(
  {
    type: Type.Literal('inviteCreated'),
    /** The token itself is kept by nobody but its receiver. */
    tokenSha256: Sha256,
    role: Role,
    organisationId: OrganisationId,
    expiresAt: Timestamp,
    needsApproval: Type.Boolean(),
    by: NodeId,
  },
  closed,
);
/** What an invite has made of a node: a member, or somebody who waits to become one. */
const enrolment = {
  nodeId: NodeId,
  publicKey: PublicKey,
  name: DisplayName,
  role: Role,
  organisationId: OrganisationId,
  /** The organisation comes with its first member. */
  organisationKey: PublicKey,
  /** Of the admission. */
  signature: Signature,
} as const;
const MemberEnrolled = Type.Object(
  {
    type: Type.Literal('memberEnrolled'),
    ...enrolment,
    /** Null for the operator, who comes with the federation. */
    tokenSha256: Type.Union([Sha256, Type.Null()]),
  },
  closed,
);
const EnrolmentRequested = Type.Object(
  { type: Type.Literal('enrolmentRequested'), ...enrolment, tokenSha256: Sha256 },
  closed,
);
const EnrolmentApproved = Type.Object(
  { type: Type.Literal('enrolmentApproved'), nodeId: NodeId, by: NodeId },
  closed,
);
const EnrolmentRefused = Type.Object(
  { type: Type.Literal('enrolmentRefused'), nodeId: NodeId, by: NodeId },
  closed,
);
/** A member has named the key that takes the place of its own. */
const KeySucceeded = Type.Object(
  {
    type: Type.Literal('keySucceeded'),
    nodeId: NodeId,
    publicKey: PublicKey,
    succession: KeySuccession,
    /** Of the old key. */
    validUntil: Timestamp,
  },
  closed,
);
const MemberRevoked = Type.Object(
  { type: Type.Literal('memberRevoked'), nodeId: NodeId, ...Revocation.properties, by: NodeId },
  closed,
);
const OrganisationRevoked = Type.Object(
  {
    type: Type.Literal('organisationRevoked'),
    organisationId: OrganisationId,
    ...Revocation.properties,
    by: NodeId,
  },
  closed,
);
/** Written together with what it is the consequence of. */
const DirectoryIssued = Type.Object(
  {
    type: Type.Literal('directoryIssued'),
    version: DirectoryVersion,
    /** Of its statement. */
    sha256: Sha256,
  },
  closed,
);
const CapabilitiesReported = Type.Object(
  { type: Type.Literal('capabilitiesReported'), nodeId: NodeId, capabilities: Capabilities },
  closed,
);

const DataSetChanged = Type.Object(
  {
    type: Type.Literal('dataSetChanged'),
    nodeId: NodeId,
    organisationId: OrganisationId,
    ...DataSetChange.properties,
  },
  closed,
);

export const FederationEvent = Type.Union([
  FederationCreated,
  InviteCreated,
  MemberEnrolled,
  EnrolmentRequested,
  EnrolmentApproved,
  EnrolmentRefused,
  KeySucceeded,
  MemberRevoked,
  OrganisationRevoked,
  DirectoryIssued,
  CapabilitiesReported,
  ...PersonEvent.anyOf,
  DataSetChanged,
]);
export type FederationEvent = Static<typeof FederationEvent>;
