/**
 * The file in which a node, researcher or operator keeps its identity. SPEC.md section 4.5. It holds a secret key.
 */
import { type Static, Type } from 'typebox';
import { FederationId, NodeId, OrganisationId, PublicKey } from './ids.ts';
import { DisplayName, Role } from './member.ts';

export const IdentityFile = Type.Object(
  {
    version: Type.Literal(1),
    /** Origin of the coordinator. */
    server: Type.String({ pattern: '^https?://[^/]+$' }),
    /** Operator: origin at which others reach the coordinator, if it is another; invite links name it. */
    publicServer: Type.Optional(Type.String({ pattern: '^https?://[^/]+$' })),
    federationId: FederationId,
    coordinatorKey: PublicKey,
    nodeId: NodeId,
    organisationId: OrganisationId,
    role: Role,
    name: DisplayName,
    /** Ed25519 secret, 32 bytes in hex. */
    seed: Type.String({ pattern: '^[0-9a-f]{64}$' }),
  },
  { additionalProperties: false },
);
export type IdentityFile = Static<typeof IdentityFile>;
