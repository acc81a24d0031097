/**
 * The file in which a node, researcher or operator keeps its identity, and the one in which its key waits to be
 * enrolled. SPEC.md section 4.5. Both hold a secret key.
 */
import { type Static, Type } from 'typebox';
import { FederationId, NodeId, OrganisationId, PublicKey } from './ids.ts';
import { DisplayName, Role } from './member.ts';

/** Ed25519 secret, 32 bytes in hex. */
export const Seed = Type.String({ pattern: '^[0-9a-f]{64}$' });

export const IdentityFile = Type.Object(
  {
    version: Type.Literal(1),
    /** Origin of the coordinator. */
    server: Type.String({ pattern: '^https?://[^/]+$' }),
    /** Operator: origin at which others reach the coordinator, if it is another; invite links name it. */
    publicServer: Type.Optional(Type.String({ pattern: '^https?://[^/]+$' })),
    /** Certificates in PEM, trusted in place of the authorities of the machine. */
    ca: Type.Optional(Type.String({ minLength: 1, maxLength: 1_048_576 })),
    /** Name in the certificate of the coordinator, if it is not the host of `server`. */
    tlsName: Type.Optional(Type.String({ minLength: 1, maxLength: 253 })),
    federationId: FederationId,
    coordinatorKey: PublicKey,
    nodeId: NodeId,
    organisationId: OrganisationId,
    role: Role,
    name: DisplayName,
    seed: Seed,
  },
  { additionalProperties: false },
);
export type IdentityFile = Static<typeof IdentityFile>;

/** Made before an invite is used, so that no answer can be lost together with the key that it is about. */
export const PendingKeyFile = Type.Object(
  { version: Type.Literal(1), federationId: FederationId, coordinatorKey: PublicKey, seed: Seed },
  { additionalProperties: false },
);
export type PendingKeyFile = Static<typeof PendingKeyFile>;
