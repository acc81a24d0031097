/**
 * The events of a federation: who was invited and who became a member. SPEC.md section 4.
 */
import { type Static, Type } from 'typebox';
import { FederationId, NodeId, OrganisationId, PublicKey, Sha256, Timestamp } from './ids.ts';
import { Capabilities, DisplayName, Role } from './member.ts';

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
    by: NodeId,
  },
  closed,
);
const MemberEnrolled = Type.Object(
  {
    type: Type.Literal('memberEnrolled'),
    nodeId: NodeId,
    publicKey: PublicKey,
    name: DisplayName,
    role: Role,
    organisationId: OrganisationId,
    /** Null for the operator, who comes with the federation. */
    tokenSha256: Type.Union([Sha256, Type.Null()]),
  },
  closed,
);
const CapabilitiesReported = Type.Object(
  { type: Type.Literal('capabilitiesReported'), nodeId: NodeId, capabilities: Capabilities },
  closed,
);

export const FederationEvent = Type.Union([
  FederationCreated,
  InviteCreated,
  MemberEnrolled,
  CapabilitiesReported,
]);
export type FederationEvent = Static<typeof FederationEvent>;
